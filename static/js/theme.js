// Before the first paint, so that a chosen theme never flashes in the other one. The page that is kept for when there is no
// network does not know whose it is: it takes the language that was spoken here last.
(() => {
  try {
    const theme = localStorage.getItem("slackclone:theme");
    const page = document.documentElement;
    if (theme === "light" || theme === "dark") page.dataset.theme = theme;
    if ("kept" in page.dataset) page.lang = localStorage.getItem("slackclone:lang") || page.lang;
    else if (document.querySelector("meta[name=csrf-token]")) localStorage.setItem("slackclone:lang", page.lang);
  } catch {
    // Storage may be forbidden; then the system's theme it is.
  }
})();
