// Giving orders to a courier, from the board and from the dispatch page: ticks, the list to choose from, the
// question about one who is off shift, and what became of each order.
"use strict";

const choice = document.getElementById("choice");
const mayAssign = Boolean(choice);

// --- ticks -------------------------------------------------------------------------------------------

const ticked = new Set();

function showTick(card) {
  const isTicked = ticked.has(card.dataset.id);
  card.classList.toggle("is-ticked", isTicked);
  const box = card.querySelector("[name=tick]");
  if (box) box.checked = isTicked;
}

function toggleTick(card) {
  if (!mayAssign) return;
  const { id } = card.dataset;
  if (!ticked.delete(id)) ticked.add(id);
  showTick(card);
  showTicks();
}

function clearTicks() {
  const cards = all(".card.is-ticked");
  ticked.clear();
  cards.forEach(showTick);
  showTicks();
}

function showTicks() {
  if (!mayAssign) return;
  // What left the page is in hand no more.
  for (const id of ticked) if (!document.getElementById(`order-${id}`)) ticked.delete(id);
  document.getElementById("ticks").hidden = !ticked.size;
  setText(document.querySelector("[data-ticked]"), String(ticked.size));
  showAllowed([...(dragged.size ? dragged : ticked)]);
}

// Couriers who do not work for the restaurants of these orders are seen to be no choice.
function showAllowed(ids) {
  const needed = ids.map((id) => document.getElementById(`order-${id}`)?.dataset.restaurant).filter(Boolean);
  for (const block of all(".courier")) {
    const worksFor = block.dataset.restaurants.split(" ");
    block.classList.toggle("is-forbidden", needed.some((restaurant) => !worksFor.includes(restaurant)));
  }
}

// --- asking ------------------------------------------------------------------------------------------

const beingAsked = new Set();

const SAID_FOR_MS = 8000;
let sayings = [];

// What is said within a moment of each other is said together, and then goes.
function say(words) {
  sayings.push(words);
  document.getElementById("said").textContent = sayings.join("\n");
  setTimeout(() => {
    sayings = sayings.filter((one) => one !== words);
    document.getElementById("said").textContent = sayings.join("\n");
  }, SAID_FOR_MS);
}

async function assign(ids, courier, isSure = false) {
  const orders = ids.filter((id) => !beingAsked.has(id));
  if (!orders.length) return;
  for (const id of orders) {
    beingAsked.add(id);
    clearRefusal(document.getElementById(`order-${id}`));
  }
  const form = [["courier", courier], ...orders.map((id) => ["order", id])];
  if (isBoard) form.push(["board", ""]);
  if (isSure) form.push(["sure", ""]);
  let words = texts.no_answer;
  let asks = false;
  try {
    const answer = await post(body.dataset.assign, form);
    if (answer.ok) {
      orders.forEach((id) => ticked.delete(id));
      all(".card.is-ticked").forEach(showTick);
      showTicks();
      showRefused(take(await answer.text()));
      return;
    }
    asks = answer.headers.has("X-Dispatch-Asks");
    words = { 403: texts.may_not, 404: texts.not_found }[answer.status] || words;
    if ([400, 409].includes(answer.status)) words = await answer.text();
  } catch {
    // No answer: nothing is known, and the words say so. Asking again asks once.
  } finally {
    orders.forEach((id) => beingAsked.delete(id));
  }
  if (asks) askFirst(words, () => assign(orders, courier, true));
  else for (const id of orders) refuseOrder(id, words);
}

function showRefused(news) {
  const refused = all("[data-refused]", news);
  for (const one of refused) refuseOrder(one.dataset.refused, one.content.textContent);
}

function refuseOrder(id, words) {
  const card = document.getElementById(`order-${id}`);
  if (card) refuse(card, words);
}

function askFirst(words, go) {
  const sure = document.getElementById("sure");
  document.getElementById("sure-words").textContent = words;
  sure.returnValue = "";
  sure.onclose = () => sure.returnValue === "yes" && go();
  sure.showModal();
}

// --- the list to choose from -------------------------------------------------------------------------

let chosenFor = [];

async function chooseCourier(ids) {
  if (!mayAssign || !ids.length) return;
  try {
    const query = new URLSearchParams(ids.map((id) => ["order", id]));
    const answer = await fetch(`${body.dataset.couriers}?${query}`, { redirect: "error" });
    if (!answer.ok) throw new Error(answer.status);
    choice.innerHTML = await answer.text();
  } catch {
    ids.forEach((id) => refuseOrder(id, texts.no_answer));
    return;
  }
  chosenFor = ids;
  choice.showModal();
}

function choose(button) {
  choice.close();
  assign(chosenFor, button.dataset.choose);
}

choice?.addEventListener("click", (event) => {
  const button = event.target.closest("[data-choose]");
  if (button) choose(button);
  else if (event.target === choice) choice.close();
});
// Wherever the focus is: a click on the list's ground takes it out of the list.
document.addEventListener("keydown", (event) => {
  const button = choice?.open && /^[1-9]$/.test(event.key) && choice.querySelector(`[data-digit="${event.key}"]`);
  if (!button) return;
  event.preventDefault();
  choose(button);
});

document.addEventListener("change", (event) => {
  if (event.target.name === "tick") toggleTick(event.target.closest(".card"));
});
document.addEventListener("click", (event) => {
  if (event.target.closest("[data-choose-courier]")) chooseCourier([...ticked]);
  if (event.target.closest("[data-untick]")) clearTicks();
});

// A card that came in place of another keeps its tick, and while it stands there what was said on it.
const STANDS = ["column", "group", "courier", "outcome"];

LIVE.arrived = (fresh, old) => {
  showTick(fresh);
  const refusal = old?.querySelector(".card-refusal");
  if (refusal && STANDS.every((name) => fresh.dataset[name] === old.dataset[name])) fresh.append(refusal);
  const { outcome } = fresh.dataset;
  if (old && outcome && outcome !== "asked" && old.dataset.outcome === "asked") {
    say(`${fresh.querySelector(".card-number").textContent}: ${fresh.querySelector(".outcome").textContent}`);
  }
};
