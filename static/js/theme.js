// Before the first paint, so that a chosen theme never flashes in another one.
(() => {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const more = matchMedia("(prefers-contrast: more)");
  const show = () => {
    let theme = null;
    try {
      theme = localStorage.getItem("slackclone:theme");
    } catch {
      // Storage may be forbidden; then the system's theme it is.
    }
    if (theme !== "light" && theme !== "dark" && theme !== "contrast") theme = more.matches ? "contrast" : null;
    if (theme === "contrast" && dark.matches) theme = "contrast-dark";
    if (theme) document.documentElement.dataset.theme = theme;
    else delete document.documentElement.dataset.theme;
  };
  show();
  dark.addEventListener("change", show);
  more.addEventListener("change", show);
  addEventListener("slackclone:theme", show);
})();
