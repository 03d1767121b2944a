// What makes pages a little nicer. Nothing depends on it: without it every page is complete.
"use strict";

(() => {
  const texts = {
    fr: { keys: "Flèches gauche et droite : une barre après l'autre", was: "avant" },
    en: { keys: "Left and right arrows: one bar after the other", was: "before" },
  };

  const words = () => texts[document.documentElement.lang] || texts.fr;

  // The value of a bar, by pointer, by finger and by arrow keys.
  const readOut = (figure) => {
    const bars = [...figure.querySelectorAll("g.bar")].filter((bar) => bar.dataset.text || bar.dataset.was);
    if (bars.length === 0) return;
    const output = document.createElement("output");
    output.className = "readout";
    output.setAttribute("aria-live", "polite");
    figure.querySelector("svg").after(output);
    figure.tabIndex = 0;
    figure.setAttribute("aria-label", words().keys);
    let chosen = -1;

    const say = (index) => {
      if (chosen >= 0) bars[chosen].classList.remove("chosen");
      chosen = index;
      if (index < 0) {
        output.textContent = "";
        return;
      }
      const bar = bars[index];
      bar.classList.add("chosen");
      const { name, text, was } = bar.dataset;
      output.textContent = `${name} : ${text}${was ? ` (${words().was} : ${was})` : ""}`;
      if (document.documentElement.lang === "en") output.textContent = output.textContent.replaceAll(" :", ":");
    };

    bars.forEach((bar, index) => {
      bar.addEventListener("pointerenter", () => say(index));
      bar.addEventListener("click", () => say(index));
    });
    figure.addEventListener("pointerleave", () => {
      if (document.activeElement !== figure) say(-1);
    });
    figure.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1, Home: -bars.length, End: bars.length }[event.key];
      if (event.key === "Escape") say(-1);
      if (step === undefined) return;
      event.preventDefault();
      const from = chosen < 0 ? (step > 0 ? -1 : bars.length) : chosen;
      say(Math.min(bars.length - 1, Math.max(0, from + step)));
    });
    figure.addEventListener("blur", () => say(-1));
  };

  // Another time without loading all of the page anew. Whatever goes wrong, the browser goes there by itself.
  const inPlace = "nav.tabs a, nav.neighbours a, nav.choices a";

  const show = (html, path) => {
    const page = new DOMParser().parseFromString(html, "text/html");
    const fresh = page.querySelector("main");
    const stale = document.querySelector("main");
    const languages = page.querySelector(".languages");
    if (!fresh || !stale) return false;
    stale.replaceChildren(...fresh.childNodes);
    if (languages) document.querySelector(".languages")?.replaceWith(languages);
    document.title = page.title;
    dress(document.querySelector("main"));
    return path;
  };

  const go = async (path, push, again) => {
    try {
      const answer = await fetch(path, { credentials: "same-origin", headers: { Accept: "text/html" } });
      const type = answer.headers.get("Content-Type") || "";
      if (answer.redirected || !answer.ok || !type.startsWith("text/html") || !show(await answer.text(), path)) {
        location.assign(path);
        return;
      }
      if (push) history.pushState({}, "", path);
      const link = again && [...document.querySelectorAll(inPlace)].find((link) => link.textContent.trim() === again);
      (link || document.querySelector("main")).focus({ preventScroll: true });
    } catch {
      location.assign(path);
    }
  };

  document.addEventListener("click", (event) => {
    const link = event.target instanceof Element ? event.target.closest(inPlace) : null;
    const plain = event.button === 0 && !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);
    if (!link || !plain || event.defaultPrevented || link.origin !== location.origin) return;
    event.preventDefault();
    go(link.href, true, link.textContent.trim());
  });

  window.addEventListener("popstate", () => go(location.href, false, ""));

  const dress = (root) => {
    root.querySelectorAll("figure.bars").forEach(readOut);
    root.querySelectorAll("[data-print]").forEach((button) => {
      button.hidden = false;
      button.addEventListener("click", () => window.print());
    });
  };

  // A form that is sent twice by impatient fingers is sent once.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "yes";
    setTimeout(() => delete form.dataset.sent, 5000);
  });

  // On the first page with an error: where it is.
  document.querySelector("[aria-invalid='true']")?.focus();

  dress(document);
})();
