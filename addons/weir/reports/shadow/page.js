"use strict";
// Draws the charts, makes tables sort and fold, lets the reader search services. Without it the page is whole, but long.
(() => {
  const root = document.documentElement;
  const colour = (name) => getComputedStyle(root).getPropertyValue("--" + name).trim();
  const make = (tag, values, ...children) => {
    const made = Object.assign(document.createElement(tag), values);
    made.append(...children);
    return made;
  };
  const statuses = ["sanctioned", "tolerated", "unsanctioned", "unknown"];
  const shown = 25;

  // ---- charts
  const data = JSON.parse(document.getElementById("data").textContent);
  const charts = [];
  const size = (bytes) => {
    for (const [unit, worth] of [["TB", 1e12], ["GB", 1e9], ["MB", 1e6], ["kB", 1e3]]) {
      if (bytes >= worth) return (bytes / worth).toLocaleString("en", { maximumFractionDigits: 1 }) + " " + unit;
    }
    return bytes + " B";
  };
  const axis = (more) => ({
    ticks: { color: colour("dim"), maxRotation: 0, autoSkipPadding: 14, ...more.ticks },
    grid: { color: colour("line"), display: more.grid !== false },
    border: { display: false }, stacked: more.stacked, beginAtZero: true,
  });
  const tooltip = (label) => ({
    backgroundColor: colour("ink"), titleColor: colour("back"), bodyColor: colour("back"), footerColor: colour("back"),
    padding: 10, cornerRadius: 6, callbacks: { label },
  });
  const requests = () => {
    const sets = statuses.filter((status) => data.requests[status] && data.requests[status].some(Boolean));
    return {
      type: "bar",
      data: {
        labels: data.days,
        datasets: sets.map((status) => ({
          label: status, data: data.requests[status], backgroundColor: colour(status), stack: "all",
          categoryPercentage: 0.86, barPercentage: 1, maxBarThickness: 56,
        })),
      },
      options: {
        scales: {
          x: axis({ grid: false, stacked: true, ticks: { callback(at) { return this.getLabelForValue(at).slice(5); } } }),
          y: axis({ stacked: true, ticks: { precision: 0, maxTicksLimit: 6 } }),
        },
        interaction: { mode: "index", intersect: false },
        plugins: {
          legend: { position: "top", align: "start", labels: { color: colour("ink"), boxWidth: 12, boxHeight: 12 } },
          tooltip: tooltip((at) => " " + at.dataset.label + ": " + at.parsed.y.toLocaleString("en")),
        },
      },
    };
  };
  const sent = () => ({
    type: "bar",
    data: {
      labels: data.top.map((one) => one.name),
      datasets: [{
        data: data.top.map((one) => one.bytes), backgroundColor: data.top.map((one) => colour(one.status)),
        borderRadius: 3, categoryPercentage: 0.82, barPercentage: 0.95, maxBarThickness: 28,
      }],
    },
    options: {
      indexAxis: "y",
      scales: {
        x: axis({ ticks: { callback: size, maxTicksLimit: 5 } }),
        y: axis({ grid: false, ticks: { color: colour("ink"), autoSkip: false } }),
      },
      plugins: {
        legend: { display: false },
        tooltip: tooltip((at) => " " + size(at.parsed.x) + ", " + data.top[at.dataIndex].status),
      },
    },
  });
  const draw = () => {
    const font = { family: getComputedStyle(document.body).fontFamily, size: 12 };
    for (const [name, config] of [["requests", requests], ["sent", sent]]) {
      const canvas = document.getElementById("chart-" + name);
      if (!canvas) continue;
      canvas.parentNode.hidden = false;
      const made = config();
      made.options = { ...made.options, animation: false, responsive: true, maintainAspectRatio: false, font, locale: "en" };
      charts.push(new Chart(canvas, made));
      canvas.closest("figure").querySelector("details").open = false;
    }
  };
  const again = () => {
    charts.splice(0).forEach((chart) => chart.destroy());
    draw();
  };
  try {
    draw();
  } catch (error) {
    // The numbers stand in tables: a browser that can't draw shows those.
    document.querySelectorAll("figure").forEach((figure) => {
      figure.classList.add("plain");
      figure.querySelector(".canvas").hidden = true;
      figure.querySelector("details").open = true;
    });
    console.error(error);
  }
  if (charts.length) {
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
    addEventListener("beforeprint", () => { root.classList.add("paper"); again(); });
    addEventListener("afterprint", () => { root.classList.remove("paper"); again(); });
  }

  // ---- tables
  const value = (row, at) => {
    const cell = row.cells[at];
    const found = cell.dataset.v === undefined ? cell.textContent.trim() : cell.dataset.v;
    const number = Number(found.replaceAll(",", ""));
    return found !== "" && !Number.isNaN(number) ? number : found.toLowerCase();
  };
  const compare = (a, b) => {
    if (typeof a === typeof b) return a < b ? -1 : a > b ? 1 : 0;
    return typeof a === "number" ? -1 : 1;
  };
  const manage = (table) => {
    const body = table.tBodies[0];
    const rest = document.querySelector('details.rest[data-of="' + table.id + '"]');
    if (rest) {
      body.append(...rest.querySelector("tbody").rows);
      rest.remove();
    }
    let rows = [...body.rows];
    let keep = () => true;
    let folded = rows.length > shown;
    const more = make("button", { type: "button", className: "all" });
    const status = make("span", { className: "dim" });
    status.setAttribute("role", "status");
    const show = () => {
      const kept = rows.filter(keep);
      const visible = new Set(folded ? kept.slice(0, shown) : kept);
      rows.forEach((row) => { row.hidden = !visible.has(row); });
      more.hidden = kept.length <= shown;
      more.textContent = folded ? "Show all " + kept.length.toLocaleString("en") : "Show the first " + shown;
      paper.textContent = visible.size < rows.length ? visible.size + " of " + rows.length.toLocaleString("en") + " rows" : "";
      status.textContent = kept.length === rows.length ? "" : kept.length.toLocaleString("en") + " of "
        + rows.length.toLocaleString("en");
    };
    more.addEventListener("click", () => { folded = !folded; show(); });
    const paper = make("p", { className: "onpaper" });
    if (rows.length > shown) table.parentNode.after(more, paper);
    [...table.tHead.rows[0].cells].forEach((head, at) => {
      if (rows.length < 2 || "still" in head.dataset) return;
      const name = head.textContent;
      const button = make("button", { type: "button" }, name);
      // Chromium leaves buttons out where a heading is repeated on the next sheet: paper gets plain text.
      head.replaceChildren(button, make("span", { className: "onpaper" }, name));
      button.addEventListener("click", () => {
        const first = head.classList.contains("n") ? "descending" : "ascending";
        const other = first === "ascending" ? "descending" : "ascending";
        const order = head.getAttribute("aria-sort") === first ? other : first;
        [...table.tHead.rows[0].cells].forEach((cell) => cell.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", order);
        const sign = order === "ascending" ? 1 : -1;
        const keyed = rows.map((row) => [value(row, at), row]);
        keyed.sort((a, b) => sign * compare(a[0], b[0]));
        rows = keyed.map((pair) => pair[1]);
        body.append(...rows);
        show();
      });
    });
    show();
    return {
      status,
      filter(test) { keep = test; show(); },
      reveal(row) {
        if (!rows.includes(row)) return;
        if (row.hidden) { keep = () => true; folded = false; show(); }
        row.scrollIntoView();
      },
    };
  };
  const managed = [...document.querySelectorAll("table.cards[id]")].map((table) => [table, manage(table)]);
  const services = managed.find(([table]) => table.id === "services");
  if (services && services[0].tBodies[0].rows.length > 7) {
    const [table, tools] = services;
    const words = make("input", { type: "search", placeholder: "name, vendor, host …", autocomplete: "off" });
    const status = make("select", {}, make("option", { value: "" }, "any"),
      ...statuses.map((name) => make("option", { value: name }, name)));
    const texts = new Map();
    const search = () => {
      const wanted = words.value.trim().toLowerCase();
      tools.filter((row) => {
        if (!texts.has(row)) texts.set(row, row.cells[0].textContent.toLowerCase());
        return texts.get(row).includes(wanted) && (!status.value || row.querySelector(".badge." + status.value) !== null);
      });
    };
    words.addEventListener("input", search);
    status.addEventListener("input", search);
    table.parentNode.before(make("div", { className: "tools" }, make("label", {}, "Find", words),
      make("label", {}, "Status", status), tools.status));
  }
  const follow = () => {
    const row = /^#s\d+$/.test(location.hash) && document.getElementById(location.hash.slice(1));
    if (row && services) services[1].reveal(row);
  };
  addEventListener("hashchange", follow);
  follow();
})();
