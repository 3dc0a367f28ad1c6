// Keeps the page true to its job, and turns it into the viewer once that answers. Without it, a meta refresh does so.
"use strict";
(() => {
  const job = document.getElementById("job");
  const part = (name) => document.getElementById(name);
  const pause = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  let seen = "";

  const reload = async () => {
    if (performance.now() < 1000) await pause(1); // however wrong things go, never a storm of reloads
    location.reload();
    await pause(60);
  };

  const write = (element, text) => {
    if (element && element.textContent !== text) element.textContent = text;
  };

  const piece = (word) => {
    if (typeof word === "string") return word;
    const time = document.createElement("time");
    [time.dateTime, time.textContent] = [word.iso, word.text];
    return time;
  };

  let told = "";
  const tell = (element, words) => {
    if (!element || told === JSON.stringify(words)) return;
    told = JSON.stringify(words);
    element.replaceChildren(...words.map(piece));
    localTimes(element);
  };

  const show = (view) => {
    write(part("word"), view.word);
    write(part("title"), view.title);
    write(part("sentence"), view.sentence);
    write(part("detail"), view.detail);
    tell(part("outlook"), view.outlook);
    const bar = part("progress");
    if (!bar) return;
    if (view.done === null) bar.removeAttribute("value");
    else bar.value = view.done;
  };

  const ask = async () => {
    const answer = await fetch(`${job.dataset.state}?seen=${encodeURIComponent(seen)}`, { cache: "no-store" });
    if (answer.status === 401 || answer.status === 404) return reload();
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    const news = await answer.json();
    seen = news.seen;
    if (news.view.standing !== job.dataset.standing) return reload();
    show(news.view);
  };

  const watch = async () => {
    for (;;) {
      try {
        await ask();
        await pause(0.2);
      } catch {
        await pause(2);
      }
    }
  };

  watch();
})();
