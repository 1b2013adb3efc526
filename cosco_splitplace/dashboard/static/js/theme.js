// Before anything is drawn: the theme that was chosen here last, else the system's.
(() => {
  let kept = null;
  try { kept = localStorage.getItem("theme"); } catch { /* storage is off: the system's theme it is */ }
  const dark = kept ? kept === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.theme = dark ? "dark" : "light";
})();
