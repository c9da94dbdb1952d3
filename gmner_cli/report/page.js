"use strict";
// Filters, hover and keys. The page is whole without this script; it only hides and highlights.
(() => {
  const $ = (id) => document.getElementById(id);
  const cards = [...document.querySelectorAll(".card")].map((card) => ({
    card,
    words: card.dataset.search,
    rows: [...card.querySelectorAll("tr[data-e]")].map((row) => ({
      line: row,
      kind: row.dataset.kinds.split(" "),
      type: row.dataset.types.split(" "),
      row: row.dataset.rows.split(" ").filter(Boolean),
    })),
  }));
  const buttons = [...document.querySelectorAll(".filter")];
  const GROUPS = ["kind", "row", "type"];
  const chosen = { kind: new Set(), row: new Set(), type: new Set() };

  const passes = (row, group) =>
    chosen[group].size === 0 || row[group].some((value) => chosen[group].has(value));

  // ---- filters -----------------------------------------------------------
  function apply() {
    const query = $("search").value.trim().toLowerCase();
    const choosing = GROUPS.some((group) => chosen[group].size > 0);
    const counts = new Map(buttons.map((button) => [button.dataset.group + " " + button.dataset.value, 0]));
    let posts = 0;
    let entities = 0;
    for (const { card, words, rows } of cards) {
      const found = words.includes(query);
      let matching = 0;
      for (const item of rows) {
        const failing = GROUPS.filter((group) => !passes(item, group));
        item.line.classList.toggle("off", failing.length > 0);
        if (!failing.length) matching += 1;
        if (!found) continue;
        // A button counts what choosing it would show, given the other groups and the search.
        for (const group of GROUPS) {
          if (failing.some((other) => other !== group)) continue;
          for (const value of item[group]) {
            const key = group + " " + value;
            counts.set(key, counts.get(key) + 1);
          }
        }
      }
      card.hidden = !found || (choosing && matching === 0);
      if (!card.hidden) { posts += 1; entities += matching; }
    }
    for (const button of buttons) {
      const { group, value } = button.dataset;
      const count = counts.get(group + " " + value);
      button.querySelector("b").textContent = count;
      button.classList.toggle("zero", count === 0);
      button.setAttribute("aria-pressed", chosen[group].has(value));
    }
    const all = !choosing && !query;
    $("status").textContent = all ? `${cards.length} posts` : `${posts} of ${cards.length} posts, ${entities} entities`;
    $("clear").hidden = all;
    $("nothing").hidden = posts > 0;
  }

  // ---- the address keeps the filters: #kind=missed,spurious&type=PER&q=london ----
  function save() {
    const parts = [];
    for (const group of GROUPS) {
      const names = buttons.filter((b) => b.dataset.group === group && chosen[group].has(b.dataset.value))
        .map((b) => encodeURIComponent(b.dataset.name));
      if (names.length) parts.push(group + "=" + names.join(","));
    }
    const query = $("search").value.trim();
    if (query) parts.push("q=" + encodeURIComponent(query));
    history.replaceState(null, "", "#" + parts.join("&"));
  }

  const decoded = (text) => { try { return decodeURIComponent(text); } catch { return text; } };

  function load() {
    if (location.hash.startsWith("#post-")) return;
    for (const group of GROUPS) chosen[group].clear();
    let query = "";
    for (const part of location.hash.slice(1).split("&")) {
      const [key, value = ""] = part.split("=");
      if (key === "q") query = decoded(value);
      if (!GROUPS.includes(key)) continue;
      const names = value.split(",").map(decoded);
      for (const button of buttons) {
        if (button.dataset.group === key && names.includes(button.dataset.name)) chosen[key].add(button.dataset.value);
      }
    }
    $("search").value = query;
    apply();
  }

  function showAll() {
    for (const group of GROUPS) chosen[group].clear();
    $("search").value = "";
    apply();
    save();
  }

  for (const button of buttons) {
    button.addEventListener("click", () => {
      const { group, value } = button.dataset;
      if (!chosen[group].delete(value)) chosen[group].add(value);
      apply();
      save();
    });
  }
  $("search").addEventListener("input", () => { apply(); save(); });
  $("clear").addEventListener("click", showAll);
  addEventListener("hashchange", load);

  // ---- switches ----------------------------------------------------------
  for (const what of ["boxes", "labels", "masks", "gold"]) {
    const box = $("show-" + what);
    if (!box) continue;
    const update = () => document.body.classList.toggle("no-" + what, !box.checked);
    box.addEventListener("change", update);
    update(); // a browser may restore an unchecked box when the page is reloaded
  }

  // ---- an entity lights up everywhere: text, picture, table ----------------
  let lit = null;
  function light(target) {
    const at = target && target.closest ? target.closest("[data-e]") : null;
    const card = at && at.closest(".card");
    const key = card && card.id + " " + at.dataset.e;
    if (key === lit) return;
    lit = key;
    for (const old of document.querySelectorAll(".hot, .lit")) old.classList.remove("hot", "lit");
    if (!card) return;
    card.classList.add("lit");
    for (const part of card.querySelectorAll(`[data-e="${CSS.escape(at.dataset.e)}"]`)) part.classList.add("hot");
  }
  addEventListener("mouseover", (event) => light(event.target));
  addEventListener("focusin", (event) => light(event.target));
  addEventListener("click", (event) => light(event.target)); // touch screens have no hover

  // ---- keys ---------------------------------------------------------------
  let current = null;
  function move(step) {
    const shown = cards.filter(({ card }) => !card.hidden).map(({ card }) => card);
    if (!shown.length) return;
    const at = shown.indexOf(current);
    const next = at < 0 ? 0 : Math.min(Math.max(at + step, 0), shown.length - 1);
    if (current) current.classList.remove("current");
    current = shown[next];
    current.classList.add("current");
    current.focus({ preventScroll: true });
    current.scrollIntoView({ block: "start" });
  }
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") { document.activeElement.blur(); showAll(); return; }
    if (event.target.matches("input[type=search]")) return;
    const flip = (id) => { const box = $(id); if (box) box.click(); };
    if (event.key === "j") move(1);
    else if (event.key === "k") move(-1);
    else if (event.key === "m") flip("show-masks");
    else if (event.key === "g") flip("show-gold");
    else if (event.key === "/") { event.preventDefault(); $("search").focus(); }
  });

  load();
  if (!$("status").textContent) apply(); // opened at #post-7: nothing to load, all is shown
})();
