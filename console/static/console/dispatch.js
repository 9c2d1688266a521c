// The dispatch page: where an order stands, what couriers carry, and dragging one to the other.
"use strict";

{
  const couriers = () => document.getElementById("couriers");
  const groups = document.querySelector("[data-groups]");
  let couriersWaiting = null;
  const fromTemplate = (id) => document.getElementById(id).content.firstElementChild.cloneNode(true);

  // --- where an order stands -------------------------------------------------------------------------

  function placeOrder(card) {
    const { courier, unfolds } = card.dataset;
    const isLater = unfolds && Number(unfolds) > now();
    if (courier) insert(card, blockOf(card).querySelector("[data-cards]"));
    else insert(card, isLater ? document.querySelector("[data-folded]") : groupOf(card).querySelector("[data-cards]"));
  }

  function groupOf(card) {
    const key = card.dataset.group;
    const known = all(".group", groups).find((one) => one.dataset.group === key);
    if (known) return known;
    const group = fromTemplate("new-group");
    group.dataset.group = key;
    group.querySelector("[data-title]").textContent = card.dataset.title;
    groups.insertBefore(group, all(".group", groups).find((other) => other.dataset.group > key) || null);
    return group;
  }

  function blockOf(card) {
    const { courier, name } = card.dataset;
    const known = all(".courier").find((one) => one.dataset.key === courier);
    if (known) return known;
    const block = fromTemplate("new-courier");
    block.dataset.key = courier;
    block.dataset.name = name;
    block.querySelector("[data-courier-name]").textContent = name;
    couriers().querySelector("[data-people]").append(block);
    return block;
  }

  // --- what is counted -------------------------------------------------------------------------------

  function countOrders() {
    for (const group of all(".group", groups)) {
      const { length } = all(".card", group);
      if (length) setText(group.querySelector("[data-group-count]"), String(length));
      else group.remove();
    }
    const cards = all(".card", groups);
    const later = all("[data-folded] > .card").length;
    all('[data-count="orders"]').forEach((node) => setText(node, String(cards.length)));
    all('[data-count="couriers"]').forEach((node) => setText(node, couriers().dataset.onShift));
    setText(document.querySelector("[data-folded-count]"), String(later));
    document.querySelector("#column-orders > .folded").hidden = !later;
    document.querySelector("#column-orders > .empty").hidden = cards.length > 0;
    const late = cards.filter((card) => card.classList.contains("is-late")).length;
    setTitle(plural(texts.orders, cards.length).replace("%(open)s", cards.length), late);
    if (couriersWaiting && isCalm()) replaceCouriers(couriersWaiting);
    all(".courier").forEach(showLoad);
    if (isCalm()) sortCouriers();
    showTicks();
  }

  function showLoad(block) {
    const cards = all(".card", block);
    if (block.classList.contains("is-unlisted") && !cards.length) {
      block.remove();
      return;
    }
    const asked = all(".card[data-asked]").filter((card) => card.dataset.asked === block.dataset.key && !block.contains(card)).length;
    const due = Math.min(...cards.map((card) => Number(card.dataset.due || Infinity)));
    const words = [];
    if (cards.length) words.push(plural(texts.on_hand, cards.length).replace("%(count)d", cards.length));
    else if (!asked) words.push(texts.free);
    if (Number.isFinite(due)) words.push(texts.next_due.replace("%(due)s", dueText(due)));
    if (asked) words.push(texts.asked_of.replace("%(count)d", asked));
    setText(block.querySelector("[data-load]"), words.join(" · "));
    block.classList.toggle("is-free", !cards.length && !asked);
  }

  // Nothing moves under a hand.
  const isCalm = () => !dragged.size && !couriers().matches(":active");

  // The free first, those off shift last, and folded where they carry nothing.
  function sortCouriers() {
    const people = couriers().querySelector("[data-people]");
    const off = couriers().querySelector("[data-people-off]");
    const load = (block) => [Number("off" in block.dataset), all(".card", block).length];
    const order = (one, other) => {
      const [a, b] = [load(one), load(other)];
      return a[0] - b[0] || a[1] - b[1] || one.dataset.name.localeCompare(other.dataset.name, document.documentElement.lang);
    };
    const isFolded = (block) => "off" in block.dataset && !all(".card", block).length;
    const blocks = all(".courier");
    const focused = document.activeElement;
    arrange(people, blocks.filter((block) => !isFolded(block)).sort(order));
    arrange(off, blocks.filter(isFolded).sort(order));
    const folded = off.children.length;
    off.parentElement.hidden = !folded;
    setText(couriers().querySelector("[data-off-count]"), String(folded));
    // What is moved loses its focus.
    if (focused !== document.activeElement) focused.focus({ preventScroll: true });
  }

  function arrange(list, blocks) {
    blocks.forEach((block, place) => {
      if (list.children[place] !== block) list.insertBefore(block, list.children[place] || null);
    });
  }

  // --- when couriers change ----------------------------------------------------------------------------

  function takeCouriers(news) {
    const fresh = news.getElementById("couriers");
    if (fresh) couriersWaiting = document.adoptNode(fresh);
    ring();
  }

  function replaceCouriers(fresh) {
    couriersWaiting = null;
    const cards = all(".courier .card");
    const focused = document.activeElement;
    const key = focused?.closest(".courier")?.dataset.key;
    const isOpen = couriers().querySelector("[data-off-shift]").open;
    couriers().replaceWith(fresh);
    fresh.querySelector("[data-off-shift]").open = isOpen;
    cards.forEach(placeOrder);
    // The cards are the same ones in new blocks: the focus goes back to the very part that had it.
    if (focused?.closest(".card")) focused.focus({ preventScroll: true });
    else if (key) all(".courier", fresh).find((one) => one.dataset.key === key)?.querySelector("[data-give]")?.focus({ preventScroll: true });
  }

  // --- dragging, and a click on a courier ------------------------------------------------------------

  // A courier; or the orders that need one, for an order that is taken off its courier.
  function target(event) {
    if (!dragged.size) return null;
    const isCarried = [...dragged].some((id) => document.getElementById(`order-${id}`)?.dataset.courier);
    return event.target.closest?.(isCarried ? ".courier:not(.is-unlisted), #column-orders" : ".courier:not(.is-unlisted)");
  }

  function showTarget(block) {
    all(".is-target").forEach((one) => one !== block && one.classList.remove("is-target"));
    block?.classList.add("is-target");
  }

  document.addEventListener("dragstart", (event) => {
    const card = event.target.closest?.(".card[draggable]");
    if (!card) return;
    const { id } = card.dataset;
    (ticked.has(id) ? [...ticked] : [id]).forEach((one) => dragged.add(one));
    event.dataTransfer.effectAllowed = "move";
    event.dataTransfer.setData("text/plain", card.querySelector(".card-number").textContent);
    body.classList.add("is-dragging");
    showAllowed([...dragged]);
  });
  document.addEventListener("dragover", (event) => {
    const block = target(event);
    showTarget(block);
    if (block) event.preventDefault();
    const folded = dragged.size && event.target.closest?.("[data-off-shift] > summary");
    if (folded) folded.parentElement.open = true;
  });
  document.addEventListener("drop", (event) => {
    const block = target(event);
    if (!block) return;
    event.preventDefault();
    const courier = block.dataset.key || "";
    const ids = [...dragged].filter((id) => (document.getElementById(`order-${id}`)?.dataset.courier || "") !== courier);
    drop();
    assign(ids, courier);
  });
  document.addEventListener("dragend", drop);

  function drop() {
    dragged.clear();
    body.classList.remove("is-dragging");
    showTarget(null);
    letGo();
    countOrders();
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-give]");
    if (!button) return;
    if (ticked.size) assign([...ticked], button.closest(".courier").dataset.key);
    else say(texts.tick_first);
  });

  Object.assign(LIVE, { place: placeOrder, count: countOrders, news: takeCouriers, chosen: toggleTick });
  delete KEYS.s;
  delete KEYS["ы"];
  setInterval(ring, 1000);
  follow();
}
