// Put into the page before its own scripts: it watches, and changes nothing. "Painted" is the first task after the frame
// in which something became true: the frame's style, layout and paint are done then.
(() => {
  const painted = () =>
    new Promise((done) => {
      requestAnimationFrame(() => {
        const { port1, port2 } = new MessageChannel();
        port1.onmessage = () => done(performance.now());
        port2.postMessage(null);
      });
    });
  const frame = () => new Promise(requestAnimationFrame);
  const scroller = () => document.querySelector('[data-testid="timeline"]');
  const composer = () => document.querySelector(".main .composer :is(textarea, [contenteditable=true])");
  const shows = (id) => {
    const row = scroller()?.querySelector(`[data-message-id="${id}"]`);
    if (!row) return false;
    const [box, within] = [row.getBoundingClientRect(), scroller().getBoundingClientRect()];
    return box.height > 0 && box.bottom > within.top && box.top < within.bottom;
  };

  /** Time of origin to a page with its channels, the newest messages and a place to write. */
  const usable = async (channels, lastId) => {
    while (
      document.querySelectorAll('[data-testid="sidebar-channel"]').length < channels ||
      !composer() ||
      !shows(lastId)
    )
      await frame();
    return painted();
  };

  /** From the click on a channel to its newest message on screen, by the event's own time. */
  const switching = (lastId) =>
    new Promise((done) => {
      addEventListener(
        "click",
        async (event) => {
          while (!shows(lastId) || !composer()) await frame();
          done((await painted()) - event.timeStamp);
        },
        { capture: true, once: true },
      );
    });

  const keys = { paint: [], work: [], slow: [], frames: [] };
  const typing = () => {
    for (const list of Object.values(keys)) list.length = 0;
    addEventListener(
      "keydown",
      async (event) => {
        const handled = new Promise((done) => setTimeout(() => done(performance.now())));
        const began = await new Promise((done) => requestAnimationFrame(() => done(performance.now())));
        const { port1, port2 } = new MessageChannel();
        port1.onmessage = async () => {
          const end = performance.now();
          keys.paint.push(end - event.timeStamp);
          keys.work.push(Math.min((await handled) - event.timeStamp, began - event.timeStamp) + end - began);
        };
        port2.postMessage(null);
      },
      true,
    );
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries())
        if (entry.name === "keydown" || entry.name === "keypress") keys.slow.push(entry.duration);
    }).observe({ type: "event", durationThreshold: 16 });
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) keys.frames.push(entry.duration);
    }).observe({ type: "long-animation-frame" });
  };

  const scrolled = { frames: 0, blank: 0, worst: 0, walled: 0, times: [], on: false };
  /** Each frame: is every part of the viewport covered by a row? At the wall: scrolled to the top while a page is on its way. */
  const scrolling = async () => {
    Object.assign(scrolled, { frames: 0, blank: 0, worst: 0, walled: 0, times: [], on: true });
    let before = performance.now();
    while (scrolled.on) {
      await frame();
      const now = performance.now();
      scrolled.times.push(now - before);
      before = now;
      const within = scroller().getBoundingClientRect();
      const boxes = [...scroller().querySelectorAll(".message, .divider, .intro, .notice")]
        .map((row) => row.getBoundingClientRect())
        .filter((box) => box.bottom > within.top && box.top < within.bottom)
        .sort((a, b) => a.top - b.top);
      let covered = within.top;
      let gap = 0;
      for (const box of boxes) {
        gap = Math.max(gap, box.top - covered);
        covered = Math.max(covered, box.bottom);
      }
      gap = Math.max(gap, within.bottom - covered);
      scrolled.frames += 1;
      scrolled.worst = Math.max(scrolled.worst, gap);
      if (gap > 40) scrolled.blank += 1;
      if (scroller().scrollTop < 1) scrolled.walled += 1;
    }
  };

  window.bench = { usable, switching, typing, keys, scrolling, scrolled };
})();
