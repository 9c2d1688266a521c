// What pages that follow orders share: cards that age, changes that come every two seconds, and the item in
// hand, which is never replaced. A page says in LIVE what is its own.
"use strict";

const body = document.body;
const isLive = "changes" in body.dataset;
const texts = JSON.parse(document.getElementById("texts")?.textContent || "{}");
const csrf = () => document.querySelector("[name=csrfmiddlewaretoken]").value;
const all = (selector, root = document) => [...root.querySelectorAll(selector)];

const orderUrl = (id) => body.dataset.order.replace(/0$/, id);

// place: puts a card where it belongs; count: writes what is counted; chosen: a card was clicked; arrived: a
// fresh card stands in its place, with the one before it if there was one; news: an answer has been taken.
const LIVE = { place() {}, count() {}, chosen() {}, arrived() {}, news() {} };

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function plural(forms, number) {
  return forms[new Intl.PluralRules(document.documentElement.lang).select(number)] || forms.other;
}

async function post(url, form = {}) {
  const answer = await fetch(url, { method: "POST", body: new URLSearchParams(form), headers: { "X-CSRFToken": csrf() }, redirect: "manual" });
  // Only the sign-in redirects: its page is no answer.
  if (answer.type === "opaqueredirect") signOut();
  return answer;
}

// --- what needs a person -----------------------------------------------------------------------------

// "5 2": five items of the attention list are open, two of them critical; "5 2 old": they were when somebody
// looked last. Absent for who may not see it.
const NEEDING_HEADER = "X-Attention";

function showNeeding(header) {
  if (!header) return;
  body.dataset.needing = header;
  const [total, critical, old] = header.split(" ");
  for (const node of all("[data-needing-count]")) {
    setText(node, old ? "?" : total);
    node.title = old ? node.dataset.old : "";
    node.classList.toggle("is-bad", Number(critical) > 0);
    (node.closest("[data-needing-line]") || node).hidden = !old && total === "0";
  }
  LIVE.count();
}

// The title of the tab; who may not see what needs attention is told of late orders.
function setTitle(words, late = 0) {
  const urgent = "needing" in body.dataset ? parseInt(body.dataset.needing, 10) : late;
  document.title = (urgent ? `(${urgent}!) ` : "") + words;
}

// --- time passes -------------------------------------------------------------------------------------

// The server's clock: the machine in front of the operator may be wrong by minutes.
let clockShift = 0;
const now = () => Date.now() / 1000 + clockShift;

function spanText(seconds) {
  const [unit, size] = seconds < 60 ? ["s", 1] : seconds < 3600 ? ["min", 60] : seconds < 172800 ? ["h", 3600] : ["d", 86400];
  return texts[unit].replace("%(count)d", Math.floor(seconds / size));
}

function dueText(due) {
  const left = due - now();
  return left < 0 ? "\u2212" + spanText(-left) : texts.in.replace("%(span)s", spanText(left));
}

function age(card) {
  const { due, risk, leaves, unfolds } = card.dataset;
  if (leaves) {
    if (Number(leaves) <= now() && !isHeld(card)) leave(card);
    return;
  }
  const isLate = due && Number(due) < now();
  card.classList.toggle("is-late", Boolean(isLate));
  card.classList.toggle("is-at-risk", Boolean(!isLate && risk && Number(risk) <= now()));
  const tick = card.querySelector("[data-tick]");
  if (tick && due) setText(tick, dueText(Number(due)));
  for (const node of all("[data-since]", card)) {
    const span = spanText(Math.max(0, now() - Number(node.dataset.since)));
    setText(node, texts[node.dataset.words || "no_courier"].replace("%(span)s", span));
  }
  for (const node of all("[data-until]", card)) if (Number(node.dataset.until) <= now()) node.remove();
  if (unfolds && Number(unfolds) <= now() && card.closest("[data-folded]")) {
    const focused = card.contains(document.activeElement) ? document.activeElement : null;
    LIVE.place(card);
    // What is moved loses its focus.
    focused?.focus({ preventScroll: true });
  }
}

// The next card takes the place of one that goes, for who was there with the keyboard.
function leave(card) {
  const isFocused = card.contains(document.activeElement);
  const other = card.nextElementSibling || card.previousElementSibling;
  card.remove();
  if (isFocused && other) focusCard(other, false);
  else if (isFocused) document.getElementById("main").focus({ preventScroll: true });
  else if (card.classList.contains("is-current")) other?.classList.add("is-current");
}

const sortKey = (card) => [Number(card.dataset.due || Infinity), Number(card.dataset.id)];
const isBefore = (one, other) => one[0] < other[0] || (one[0] === other[0] && one[1] < other[1]);

// By promised time among the cards of a list.
function insert(card, list) {
  const key = sortKey(card);
  const next = all(":scope > .card", list).find((other) => other !== card && isBefore(key, sortKey(other)));
  list.insertBefore(card, next || null);
}

function tick() {
  all(".card").forEach(age);
  LIVE.count();
  showStale();
}

// --- the card in hand --------------------------------------------------------------------------------

// What came for it waits until it is let go.
const waiting = new Map();
let pressed = null;
const dragged = new Set();
const isHeld = (card) =>
  card === pressed || dragged.has(card.dataset.id) || (card.contains(document.activeElement) && card !== document.activeElement && document.activeElement.matches("input:not([type=checkbox]), select, textarea"));

function letGo() {
  pressed = null;
  const came = [...waiting];
  waiting.clear();
  for (const [id, fresh] of came) apply(id, fresh);
  if (came.length) LIVE.count();
}

document.addEventListener("pointerdown", (event) => (pressed = event.target.closest(".card")));
// After the click that follows: it is meant for the card that was pressed.
document.addEventListener("pointerup", () => setTimeout(letGo));
document.addEventListener("pointercancel", letGo);

function apply(id, fresh) {
  const old = document.getElementById(`order-${id}`);
  if (old && isHeld(old)) {
    waiting.set(id, fresh);
    return;
  }
  if (!fresh) {
    if (old) leave(old);
    return;
  }
  const focused = old?.contains(document.activeElement) ? document.activeElement : null;
  if (old) old.replaceWith(fresh);
  if (old?.classList.contains("is-current")) fresh.classList.add("is-current");
  LIVE.place(fresh);
  age(fresh);
  fresh.tabIndex = -1;
  LIVE.arrived(fresh, old);
  if (focused) {
    focusCard(fresh, false);
    if (focused !== old && focused.name) fresh.querySelector(`[name="${focused.name}"]`)?.focus({ preventScroll: true });
  }
  if (drawer?.dataset.order === String(id) && !drawer.hidden) refreshPanel();
}

// --- what changed ------------------------------------------------------------------------------------

// Nobody did anything: such a question does not keep the session alive.
const WATCHING = { "X-Watching": "1" };
const NEWS_EVERY_MS = 2000;
const NEWS_HIDDEN_MS = 10000;
const STALE_AFTER_MS = 15000;
let next = body.dataset.next;
let state = body.dataset.state;
let heardAt = Date.now();
let isSignedOut = false;
let isForbidden = false;

let timer = 0;
let isAsking = false;

async function ask() {
  if (isAsking) return;
  isAsking = true;
  clearTimeout(timer);
  const address = new URL(body.dataset.changes, location.href);
  if (next) address.searchParams.set("since", next);
  address.searchParams.set("state", state);
  try {
    const answer = await fetch(address, { headers: WATCHING, credentials: "same-origin", signal: AbortSignal.timeout(12000) });
    if (answer.status === 401 || answer.status === 403) {
      isForbidden = answer.status === 403;
      if (isForbidden) show(texts.forbidden);
      else signOut();
    } else if (answer.status === 205) {
      document.cookie = "watching=1; max-age=5; path=/; samesite=lax";
      location.reload();
    } else if (answer.ok) {
      isForbidden = false;
      heardAt = Date.now();
      const date = Date.parse(answer.headers.get("Date"));
      if (date) clockShift = Math.abs(date - Date.now()) > 2000 ? (date - Date.now()) / 1000 : 0;
      if (answer.status === 200) take(await answer.text());
      showNeeding(answer.headers.get(NEEDING_HEADER));
      next = answer.headers.get("X-Board-Next");
      state = answer.headers.get("X-Board-State");
    }
  } catch {
    // No answer: the line below tells it once it lasts.
  }
  isAsking = false;
  showStale();
  if (!isSignedOut) timer = setTimeout(ask, document.hidden ? NEWS_HIDDEN_MS : NEWS_EVERY_MS);
}

// Returns the document that came, for what else it brings.
function take(html) {
  const news = new DOMParser().parseFromString(html, "text/html");
  const above = news.getElementById("restaurants");
  if (above) {
    document.getElementById("restaurants").replaceWith(document.adoptNode(above));
    showClock();
  }
  for (const card of all(".card", news)) apply(Number(card.dataset.id), document.adoptNode(card));
  const gone = news.querySelector("[data-gone]")?.dataset.gone || "";
  for (const id of gone.split(" ").filter(Boolean)) apply(Number(id), null);
  LIVE.news(news);
  LIVE.count();
  return news;
}

function signOut() {
  isSignedOut = true;
  isForbidden = false;
  show(texts.signed_out, body.dataset.signIn);
  showStale();
}

function showStale() {
  const isStale = Date.now() - heardAt > STALE_AFTER_MS;
  body.classList.toggle("is-stale", isStale || isSignedOut || isForbidden);
  if (isSignedOut || isForbidden) return;
  const heard = new Date(heardAt).toLocaleTimeString(document.documentElement.lang, { hourCycle: "h23" });
  show(isStale ? texts.stale.replace("%(time)s", heard) : "");
}

function show(words, url = "") {
  const notice = document.getElementById("notice");
  notice.hidden = !words;
  if (notice.dataset.words === words) return;
  notice.dataset.words = words;
  notice.textContent = words;
  if (url) {
    const link = Object.assign(document.createElement("a"), { href: url, textContent: texts.sign_in });
    notice.append(" ", link);
  }
}

// What is said on a card until something else is done with it.
const clearRefusal = (card) => card?.querySelector(".card-refusal")?.remove();

function refuse(card, words) {
  clearRefusal(card);
  card.append(Object.assign(document.createElement("p"), { className: "card-refusal", role: "alert", textContent: isSignedOut ? texts.signed_out : words }));
}

function follow() {
  all(".card").forEach((card) => (card.tabIndex = -1));
  tick();
  setInterval(tick, 1000);
  timer = setTimeout(ask, NEWS_EVERY_MS);
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    tick();
    if (!isSignedOut) ask();
  });
}
