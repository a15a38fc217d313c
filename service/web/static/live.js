// What the stream cannot say about itself: that it is gone, and what a screen reader should hear.
"use strict";
(() => {
  const lostAfter = 32_000; // Two signs of life are 15 s apart each.
  const sayEvery = 10_000;
  const started = Date.now();
  let heard = started;
  let said = 0;
  let sentence = document.querySelector(".say")?.textContent;

  function announce() {
    const current = document.querySelector(".say")?.textContent;
    if (current === sentence || Date.now() - said < sayEvery) return;
    sentence = current;
    said = Date.now();
    document.getElementById("say").textContent = current;
  }

  function check() {
    announce();
    if (Date.now() - heard < lostAfter) return;
    const since = new Date(heard).toISOString().slice(11, 19);
    document.getElementById("live").classList.add("lost");
    document.getElementById("live-text").textContent = `Not live since ${since} UTC`;
  }

  document.addEventListener("htmx:sse:after:message", () => {
    heard = Date.now();
    announce();
    for (const part of document.querySelectorAll("[data-changed]")) {
      // The mark is taken off again, so that the next change of the same part is seen too.
      part.addEventListener("animationend", () => part.removeAttribute("data-changed"), { once: true });
    }
  });
  setInterval(check, 1_000);
})();
