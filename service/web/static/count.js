// How long a reason is, while it is typed; without script the answer to a short one tells it.
"use strict";
document.addEventListener("input", ({ target }) => {
  const least = Number(target.dataset.least);
  const hint = document.getElementById(target.dataset.counted);
  if (!least || !hint) return;
  // Characters as the service counts them, not units of UTF-16.
  const length = [...target.value.trim()].length;
  hint.textContent = `${length} of at least ${least} characters.`;
});
