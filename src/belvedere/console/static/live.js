// Keeps a page's live parts fresh while somebody looks at it. Without it, a meta refresh does so.
"use strict";
(() => {
  const address = document.currentScript.dataset.address; // the page's own may be where a form was sent
  const parts = (page) => [...page.querySelectorAll("[data-live]")];

  const put = (shown, fresh) => {
    const held = shown.contains(document.activeElement) ? document.activeElement : null;
    const label = held?.getAttribute("aria-label") ?? held?.textContent;
    const scrolled = [...shown.querySelectorAll("pre")].map((each) => each.scrollTop);
    shown.innerHTML = fresh.innerHTML;
    localTimes(shown);
    shown.querySelectorAll("pre").forEach((each, index) => { each.scrollTop = scrolled[index] ?? 0; });
    if (!held) return;
    const same = (each) => (each.getAttribute("aria-label") ?? each.textContent) === label;
    [...shown.querySelectorAll("a, button, pre")].find(same)?.focus();
  };

  const refresh = async () => {
    if (document.hidden) return;
    const answer = await fetch(address, { cache: "no-store" });
    if (answer.status === 401 || answer.status === 404) return location.assign(address);
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const shown of parts(document)) {
      const fresh = page.getElementById(shown.id);
      if (fresh && fresh.innerHTML !== seen.get(shown.id)) put(shown, fresh);
      if (fresh) seen.set(shown.id, fresh.innerHTML);
    }
  };

  const seen = new Map(parts(document).map((part) => [part.id, part.innerHTML]));
  // What somebody has just begun changes within a second or two; later a look now and then will do.
  const pauses = [500, 500, 500, 1000, 1000];
  const lookLater = () => setTimeout(() => refresh().catch(() => {}).finally(lookLater), pauses.shift() ?? 3000);
  lookLater();
  document.addEventListener("visibilitychange", () => refresh().catch(() => {}));
})();
