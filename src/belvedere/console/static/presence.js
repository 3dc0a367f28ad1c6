// Tells the gateway that somebody looks at this viewer, while the page is visible. What the page polls by itself, also
// in the background, says nothing about that.
"use strict";
(() => {
  if (window.frameElement) return; // a part of a viewer's page: that page speaks for it
  const prefix = /^\/modelarts2\/[^/]+\/[^/]+\/[0-9]+(?=\/)/.exec(location.pathname);
  if (!prefix) return;
  let timer;

  const tell = () => {
    fetch(`${prefix[0]}/_belvedere/present`, { method: "POST", cache: "no-store" }).catch(() => {});
  };

  const follow = () => {
    clearInterval(timer);
    if (document.visibilityState !== "visible") return;
    tell();
    timer = setInterval(tell, 20000);
  };

  document.addEventListener("visibilitychange", follow);
  window.addEventListener("pageshow", (event) => event.persisted && follow());
  follow();
})();
