// The panel of an order: it stays fresh, keeps what is being filled in, and leads the focus through its forms.
"use strict";

const FOLLOWED_EVERY_MS = 2000;
const LOOKED_AT_EVERY_MS = 15000;

const shownPanel = () => document.querySelector(".panel");

// --- focus -------------------------------------------------------------------------------------------

// What was just said comes first, then the first input that is wrong, then the first one to fill in.
function focusPanel(formBefore = "") {
  const panel = shownPanel();
  if (!panel) return;
  const inputs = all("[data-form] :is(input, select, textarea)", panel).filter((one) => one.type !== "hidden");
  const target =
    panel.querySelector("[data-focus]") ||
    inputs.find((one) => one.getAttribute("aria-invalid") === "true") ||
    inputs.find((one) => one.type === "radio" && one.checked) ||
    inputs[0] ||
    document.getElementById(`act-${formBefore}`) ||
    panel;
  target.focus();
}

// Answers whether there was a form to close.
function closeForm() {
  const act = shownPanel()?.querySelector(".act[open]:has(+ .act-body)");
  if (act) {
    act.open = false;
    act.querySelector("summary").focus();
    return true;
  }
  const back = shownPanel()?.querySelector("[data-close-form]");
  back?.click();
  return Boolean(back);
}

// --- requests of htmx --------------------------------------------------------------------------------

let formBefore = "";

document.addEventListener("htmx:beforeSwap", (event) => {
  const { target, xhr, serverResponse } = event.detail;
  if (target.id === "new-total" && serverResponse.includes("<html")) event.detail.shouldSwap = false;
  if (!target.matches(".panel")) return;
  formBefore = target.querySelector("[data-form]")?.dataset.form || "";
  // A refusal is an answer like any other. What is no panel is the page of the sign-in.
  const isPanel = serverResponse.includes('class="panel"');
  event.detail.shouldSwap = isPanel;
  event.detail.isError = !isPanel && xhr.status >= 400;
  if (!isPanel) showTrouble(target, xhr.status >= 500 ? target.dataset.noAnswer : target.dataset.refused);
});
document.addEventListener("htmx:afterSettle", (event) => {
  if (event.target.matches(".panel") && event.detail.requestConfig.triggeringEvent) focusPanel(formBefore);
});
for (const failure of ["htmx:sendError", "htmx:timeout"]) {
  document.addEventListener(failure, (event) => {
    const panel = shownPanel();
    if (panel?.contains(event.target)) showTrouble(panel, panel.dataset.noAnswer);
  });
}

function showTrouble(panel, words) {
  const trouble = panel.querySelector("[data-trouble]");
  trouble.textContent = words;
  trouble.hidden = false;
}

// --- staying fresh -----------------------------------------------------------------------------------

let refreshedAt = Date.now();
let isRefreshing = false;

async function refreshPanel() {
  const panel = shownPanel();
  if (!panel || isRefreshing) return;
  isRefreshing = true;
  refreshedAt = Date.now();
  try {
    const answer = await fetch(panel.dataset.url, { headers: { ...WATCHING, "HX-Request": "true" }, credentials: "same-origin", signal: AbortSignal.timeout(12000) });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.querySelector(".panel");
    // Meanwhile another order, or another state of this one, may have come.
    if (!panel.isConnected) return;
    if (fresh) takeFresh(panel, document.adoptNode(fresh));
    else showTrouble(panel, answer.status >= 500 ? panel.dataset.stale : panel.dataset.refused);
  } catch {
    showTrouble(panel, panel.dataset.stale);
  } finally {
    isRefreshing = false;
  }
}

// The token of a form differs each time that it is written.
const bare = (node) => node.outerHTML.replace(/name="csrfmiddlewaretoken" value="[^"]*"/g, "");

// Folded away, a note that was begun is still somebody's.
const hasNote = (node) => all("textarea", node).some((one) => one.value.trim());
const isFilledIn = (part) => part.querySelector("[data-form], .act[open]") || hasNote(part);
// What was just refused stays to be read, and an answer finds what asked for it.
const isAnswered = (part) => part.querySelector("[data-problem]:not([hidden]), .htmx-request");

// Only what changed is replaced, and never a form that is being filled in.
function takeFresh(panel, fresh) {
  panel.toggleAttribute("data-follow", fresh.hasAttribute("data-follow"));
  const trouble = panel.querySelector("[data-trouble]");
  if (trouble.textContent === panel.dataset.stale) trouble.hidden = true;
  let last = null;
  const parts = all(":scope > [data-part]", fresh);
  const names = new Set(parts.map((part) => part.dataset.part));
  for (const old of all(":scope > [data-part]", panel)) if (!names.has(old.dataset.part) && !isFilledIn(old)) removePart(old);
  for (const part of parts) {
    const old = panel.querySelector(`:scope > [data-part="${part.dataset.part}"]`);
    all("details[id]", part).concat(part.matches("details") ? part : []).forEach((one) => (one.open = Boolean(document.getElementById(one.id)?.open)));
    if (!old) {
      if (last) last.after(part);
      else panel.prepend(part);
      htmx.process(part);
    } else if (!isFilledIn(old) && !isAnswered(old) && bare(old) !== bare(part)) {
      replacePart(old, part);
    }
    last = panel.querySelector(`:scope > [data-part="${part.dataset.part}"]`);
  }
}

function removePart(old) {
  const isFocused = old.contains(document.activeElement);
  old.remove();
  if (isFocused) shownPanel().focus({ preventScroll: true });
}

function replacePart(old, part) {
  const focused = old.contains(document.activeElement) ? document.activeElement : null;
  old.replaceWith(part);
  htmx.process(part);
  if (!focused) return;
  const same = (focused.id && document.getElementById(focused.id)) || (focused.href && all("a", part).find((link) => link.href === focused.href));
  (same || part.querySelector("[data-focus]") || shownPanel()).focus({ preventScroll: true });
}

setInterval(() => {
  const panel = shownPanel();
  if (!panel || document.hidden) return;
  const every = "follow" in panel.dataset ? FOLLOWED_EVERY_MS : LOOKED_AT_EVERY_MS;
  if (Date.now() - refreshedAt >= every) refreshPanel();
}, 1000);

// --- keyboard ----------------------------------------------------------------------------------------

const PANEL_KEYS = { x: "cancel", ч: "cancel", c: "courier", с: "courier" };

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (event.key === "Escape" && !isLive) closeForm();
  const panel = shownPanel();
  const isElsewhere = isLive ? !panel?.contains(event.target) : event.target.matches("input, select, textarea");
  if (!panel || isElsewhere || event.target.matches("input, select, textarea")) return;
  const slug = PANEL_KEYS[event.key.toLowerCase()];
  const button = slug && document.getElementById(`act-${slug}`);
  if (!button) return;
  event.preventDefault();
  button.click();
});

// --- long lists of choices ---------------------------------------------------------------------------

// <input data-filters="id"> hides the labels inside #id that do not hold the words typed.
document.addEventListener("input", (event) => {
  const list = event.target.dataset?.filters && document.getElementById(event.target.dataset.filters);
  if (!list) return;
  const words = event.target.value.toLocaleLowerCase().split(/\s+/);
  const labels = all("label", list);
  for (const label of labels) label.hidden = !words.every((word) => label.textContent.toLocaleLowerCase().includes(word));
  event.target.parentElement.querySelector("[data-filter-empty]").hidden = labels.some((label) => !label.hidden);
});
