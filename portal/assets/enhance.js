// What makes pages a little nicer. Nothing depends on it: without it every page is complete.
"use strict";

(() => {
  const texts = {
    fr: {
      keys: "Flèches gauche et droite : une barre après l'autre",
      was: "avant",
      reveal: "Afficher",
      hide: "Masquer",
      strength: "Solidité, à peu près :",
      levels: ["trop court, 12 caractères au moins", "facile à deviner", "acceptable", "bon", "très bon"],
      long: "trop long, 128 caractères au plus",
    },
    en: {
      keys: "Left and right arrows: one bar after the other",
      was: "before",
      reveal: "Show",
      hide: "Hide",
      strength: "Strength, roughly:",
      levels: ["too short, at least 12 characters", "easy to guess", "fair", "good", "very good"],
      long: "too long, 128 characters at most",
    },
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

  // A password can be looked at while it is typed. It is hidden again before it is sent, so that no browser keeps it as text.
  const reveal = (input) => {
    const button = document.createElement("button");
    const name = document.createElement("span");
    name.className = "hidden";
    name.textContent = ` : ${input.labels[0]?.textContent ?? ""}`;
    button.type = "button";
    button.className = "link reveal";
    button.setAttribute("aria-controls", input.id);
    // What is shown as text must not go to a spelling service.
    input.spellcheck = false;
    input.autocapitalize = "off";
    const show = (shown) => {
      input.type = shown ? "text" : "password";
      button.replaceChildren(shown ? words().hide : words().reveal, name);
    };
    button.addEventListener("click", () => show(input.type === "password"));
    input.form?.addEventListener("submit", () => show(false));
    show(false);
    input.after(button);
  };

  const keys = ["azertyuiopqsdfghjklmwxcvbn", "qwertyuiopasdfghjklzxcvbnm", "qwertzuiopasdfghjklyxcvbnm"];
  const follows = (left, right) => Math.abs(left.codePointAt(0) - right.codePointAt(0)) <= 1
    || keys.some((row) => row.includes(left + right) || row.includes(right + left));

  // How good a password is, roughly; the server judges. Repetitions and rows (aaa, 123, azerty) count as one character.
  const strength = (password) => {
    const characters = [...password.toLowerCase()];
    if (characters.length < 12) return 0;
    const fresh = characters.filter((character, index) => index === 0 || !follows(characters[index - 1], character)).length;
    const kinds = new Set(characters).size;
    if (kinds < 5 || fresh < 8 || characters.every((character) => /[\d\s]/.test(character))) return 1;
    if (fresh < 14 || kinds < 8) return 2;
    return fresh < 20 ? 3 : 4;
  };

  const meter = (input) => {
    const place = document.createElement("div");
    const bar = document.createElement("meter");
    const output = document.createElement("output");
    place.className = "strength";
    Object.assign(bar, { min: 0, max: 4, low: 2, high: 3, optimum: 4, value: 0 });
    // The words say the same.
    bar.setAttribute("aria-hidden", "true");
    output.id = `${input.id}-strength`;
    output.htmlFor = input.id;
    input.setAttribute("aria-describedby", `${input.getAttribute("aria-describedby") ?? ""} ${output.id}`.trim());
    const weigh = () => {
      const { strength: title, levels, long } = words();
      const level = strength(input.value);
      place.hidden = input.value === "";
      bar.value = level;
      const text = [...input.value].length > 128 ? long : levels[level];
      // Only what changes is read out.
      const said = input.value === "" ? "" : `${title} ${text}`;
      if (output.textContent !== said) output.textContent = said;
    };
    input.addEventListener("input", weigh);
    place.append(bar, output);
    input.parentElement.append(place);
    weigh();
  };

  const dress = (root) => {
    root.querySelectorAll("input[type='password']").forEach((input) => {
      reveal(input);
      if (input.autocomplete === "new-password") meter(input);
    });
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
