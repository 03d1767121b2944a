// Fetches the page again from time to time and puts what changed in its place. Without it there is the reload link.
(() => {
  "use strict";
  const main = document.querySelector("main[data-live]");
  if (!main) return;
  const PERIOD = 15000;
  let timer = 0;

  const busy = () => {
    const focus = document.activeElement;
    return focus && main.contains(focus) && focus.matches("input, select, textarea");
  };

  const place = (fresh) => {
    const open = [...main.querySelectorAll("details")].map((details) => details.open);
    const focus = document.activeElement;
    const link = focus && main.contains(focus) ? focus.getAttribute("href") : null;
    main.replaceChildren(...fresh.childNodes);
    main.querySelectorAll("details").forEach((details, index) => { details.open = Boolean(open[index]); });
    if (link !== null) {
      const again = [...main.querySelectorAll("a")].find((a) => a.getAttribute("href") === link);
      if (again) again.focus({ preventScroll: true });
    }
  };

  const refresh = async () => {
    if (document.hidden || busy()) return;
    try {
      const answer = await fetch(location.href, { headers: { "Releve-Refresh": "1" }, cache: "no-store" });
      if (answer.redirected) { location.reload(); return; }
      if (!answer.ok) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.querySelector("main[data-live]");
      if (fresh && !busy()) place(fresh);
    } catch {
      // The gateway can't be reached: the time at the top says how old the page is.
    }
  };

  const again = () => {
    clearTimeout(timer);
    timer = setTimeout(async () => { await refresh(); again(); }, PERIOD);
  };
  document.addEventListener("visibilitychange", () => { if (!document.hidden) { refresh(); again(); } });
  again();
})();
