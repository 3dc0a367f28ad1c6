// Tells times in the reader's own zone. Without it they stand there in UTC, and say so.
"use strict";
const localTimes = (part) => {
  for (const time of part.querySelectorAll("time")) {
    const said = time.textContent;
    const moment = new Date(time.dateTime);
    time.title = moment.toLocaleString();
    if (!said.endsWith(" UTC")) continue; // words such as "2 h ago", or told already
    const seconds = /:\d\d:/.test(said) ? "medium" : "short";
    const day = /^\d\d:/.test(said) ? {} : { dateStyle: "medium" };
    time.textContent = moment.toLocaleString(undefined, { ...day, timeStyle: seconds });
    time.title = said;
  }
};
document.addEventListener("DOMContentLoaded", () => localTimes(document)); // others have looked at the page as it came
