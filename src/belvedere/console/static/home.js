// Keeps the list of jobs fresh while somebody looks at it. Without it, a meta refresh does so.
"use strict";
(() => {
  const refresh = async () => {
    if (document.hidden) return;
    const answer = await fetch(location.href, { cache: "no-store" });
    if (answer.status === 401) return location.reload();
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("jobs");
    const shown = document.getElementById("jobs");
    if (!fresh || fresh.innerHTML === shown.innerHTML) return;
    const held = shown.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
    shown.replaceWith(fresh);
    if (held) fresh.querySelector(`a[href="${CSS.escape(held)}"]`)?.focus();
  };

  for (const time of document.querySelectorAll("time")) time.title = new Date(time.dateTime).toLocaleString();
  setInterval(() => refresh().catch(() => {}), 3000);
  document.addEventListener("visibilitychange", () => refresh().catch(() => {}));
})();
