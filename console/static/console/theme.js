// Before the page is drawn, so that it does not flash. The choice is the admin's own (Unfold keeps it there).
"use strict";
const THEME_KEY = "_x_adminTheme";
function isDark() {
  const chosen = (localStorage.getItem(THEME_KEY) || "").replaceAll('"', "");
  return chosen === "dark" || (chosen !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
}
function showTheme() {
  document.documentElement.classList.toggle("dark", isDark());
}
showTheme();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", showTheme);
