// The shopper's page comes alive: fetch the bundle, let the verifier judge it, and show what it found.
// Nothing is shown as checked before the verifier has said so, and what the page shows is held against the signed file.
(() => {
  const main = document.getElementById("main");
  const said = JSON.parse(document.getElementById("words").textContent);
  const options = main.dataset;
  const chinese = document.documentElement.lang.startsWith("zh");
  const find = (id) => document.getElementById(id);
  const fill = (text, values) => text.replace(/\{([a-z]+)\}/g, (gap, name) => (name in values ? String(values[name]) : gap));
  const word = (key, values = {}) => fill(said.page[key], values);

  function element(name, text) {
    const made = document.createElement(name);
    made.textContent = text;
    return made;
  }

  function use(svg, icon) {
    svg.setAttribute("href", `#i-${icon}`);
  }

  function state(name, head, more) {
    options.state = name;
    find("status-head").textContent = head;
    find("status-more").textContent = more;
    const icons = { checking: "waiting", unreachable: "not-checked", broken: "not-checked" };
    use(find("status-icon"), icons[name] || name);
    find("again").hidden = name !== "unreachable";
    if (name === "fail") {
      // What is wrong stands before what it is about.
      find("hero").before(find("status"));
      find("altered").hidden = false;
    }
  }

  // -- the verifier ----------------------------------------------------------------------------------------------------

  function inPage(request) {
    return new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = options.verifier;
      script.onload = () => self.cropmarkVerify(request, progress).then(resolve, reject);
      script.onerror = () => reject(new Error("the verifier could not be loaded"));
      document.head.append(script);
    });
  }

  function inWorker(request) {
    return new Promise((resolve, reject) => {
      const worker = new Worker(options.verifier);
      worker.onmessage = ({ data }) => {
        if (data.check) progress(data.check);
        else {
          worker.terminate();
          if (data.done) resolve(data.done);
          else reject(new Error(data.error));
        }
      };
      worker.onerror = (event) => {
        event.preventDefault();
        worker.terminate();
        reject(new Error("no worker"));
      };
      worker.postMessage(request);
    });
  }

  /** In a worker where there are workers; else, or where one fails to start, in the page. */
  async function verdict(request) {
    try {
      return await inWorker(request);
    } catch (error) {
      return inPage(request);
    }
  }

  const names = Array.from(document.querySelectorAll(".checks > li"), (item) => item.id.slice(6));

  function progress(check) {
    const told = { done: names.indexOf(check) + 1, all: names.length };
    find("status-more").textContent = word("status.progress", told);
  }

  // -- what it found ---------------------------------------------------------------------------------------------------

  function why({ name, code, details }) {
    const gaps = {};
    for (const key of Object.keys(details)) if (["string", "number"].includes(typeof details[key])) gaps[key] = details[key];
    for (const place of Object.keys(said.where)) {
      if (place in gaps && !("where" in gaps)) gaps.where = said.where[place].replace("{number}", gaps[place]);
    }
    if (gaps.source === location.origin) gaps.source = word("own-node", { source: gaps.source });
    for (const key of ["after", "before"]) if (gaps[key]) gaps[key] = moment(Date.parse(gaps[key]));
    if (`metric.${gaps.metric}` in said.page) gaps.metric = said.page[`metric.${gaps.metric}`];
    return fill(said.codes[name][code] || "", gaps).replace(/(^|\. )[a-z]/g, (start) => start.toUpperCase());
  }

  function show(check) {
    const item = find(`check-${check.name}`);
    item.dataset.result = check.result;
    item.dataset.code = check.code;
    use(item.querySelector("use"), check.result);
    item.querySelector(".word").textContent = said.results[check.result];
    item.querySelector(".why").textContent = why(check);
    const technical = item.querySelector(".technical");
    technical.hidden = false;
    technical.querySelector(".code").textContent = `${check.name}: ${check.code}`;
    const list = technical.querySelector("dl");
    while (list.children.length > 1) list.lastChild.remove();
    for (const key of Object.keys(check.details)) {
      const value = check.details[key];
      const row = document.createElement("div");
      row.append(element("dt", key), element("dd", typeof value === "object" ? JSON.stringify(value) : String(value)));
      list.append(row);
    }
  }

  const title = (name) => find(`check-${name}`).querySelector("h3").textContent;

  /** Returns the value at a JSON pointer, as a member that a fact of the page names. */
  function at(document_, pointer) {
    return pointer.split("/").slice(1).reduce((value, name) => (value === null || value === undefined ? undefined : value[name]), document_);
  }

  /** Marks the facts of the page that are not what stands in the bundle, and returns how many there are. */
  function compare(bundle) {
    let wrong = 0;
    for (const fact of document.querySelectorAll("[data-from]")) {
      const shown = fact.dataset.value === undefined ? fact.textContent : fact.dataset.value;
      if (String(at(bundle, fact.dataset.from)) === shown) continue;
      fact.classList.add("differs");
      wrong++;
    }
    return wrong;
  }

  function counts(checks) {
    const line = find("status-counts");
    line.textContent = "";
    for (const result of ["fail", "pass", "warn", "not-checked"]) {
      const count = checks.filter((check) => check.result === result).length;
      if (!count) continue;
      if (line.childNodes.length) line.append(" · ");
      line.append(element("b", String(count)), `${chinese ? "" : " "}${word(`status.count.${result}`)}`);
    }
    line.hidden = false;
  }

  function extra(text) {
    const line = find("status-extra");
    line.textContent = text;
    line.hidden = text === "";
  }

  function tell(found, bytes) {
    if (found.unusable !== undefined) {
      state("fail", word("status.fail"), word("status.unusable.more"));
      return;
    }
    found.checks.forEach(show);
    counts(found.checks);
    let bundle = null;
    try {
      bundle = JSON.parse(new TextDecoder().decode(bytes));
    } catch (error) {
      // A file that breaks its form has failed already.
    }
    const broken = found.checks[0].result === "fail" && found.batch === null;
    const other = found.digest !== options.digest;
    const differs = !other && !broken && compare(bundle) > 0;
    const result = other || differs ? "fail" : found.verdict;
    state(result, word(`status.${result}`), said.verdicts[result]);
    const failed = found.checks.filter((check) => check.result === "fail").map((check) => title(check.name));
    if (other) extra(word("status.other-file.more"));
    else if (differs) extra(word("status.other-facts.more"));
    else extra(failed.length ? word("status.failed", { checks: failed.join(chinese ? "、" : " ") }) : "");
    find("engine").textContent = word(`engine.${found.engine}`);
    find("engine").hidden = false;
    if (found.readings.length) raw(found.readings);
    if (bundle && bundle.summary && !broken) season(bundle.summary);
  }

  // -- one raw reading -------------------------------------------------------------------------------------------------

  const UNITS = { temperature: "°C", moisture: "m³/m³", humidity: "%", rainfall: "mm", wind: "m/s", radiation: "W/m²", wetness: "%" };
  const unit = (metric) => UNITS[Object.keys(UNITS).find((part) => metric.includes(part))] || "";
  const metricName = (metric) => said.page[`metric.${metric}`] || metric;
  const moment = (time) => `${new Date(time).toISOString().slice(0, 16).replace("T", " ")} UTC`;

  function decimal({ mantissa, decimals }) {
    const digits = mantissa.replace("-", "").padStart(decimals + 1, "0");
    const whole = digits.slice(0, digits.length - decimals);
    const sign = mantissa.startsWith("-") ? "−" : "";
    return decimals > 0 ? `${sign}${whole}.${digits.slice(-decimals)}` : `${sign}${whole}`;
  }

  function raw(readings) {
    const choice = find("reading");
    choice.textContent = "";
    readings.forEach((reading, number) => {
      const label = `${metricName(reading.metric)} ${decimal(reading)} ${unit(reading.metric)} · ${word(`reading.why.${reading.why}`)}`;
      const option = element("option", label);
      option.value = String(number);
      choice.append(option);
    });
    const draw = () => {
      const one = readings[Number(choice.value)];
      const value = { metric: metricName(one.metric), value: decimal(one), unit: unit(one.metric) };
      find("raw-value").textContent = word("reading.value", value);
      const steps = [
        word("reading.step.sensor", { device: one.device, time: moment(one.time) }),
        word("reading.step.segment", { number: one.index + 1, count: one.count, gateway: one.gateway, hashes: one.inSegment }),
        word("reading.step.tree", { number: one.seq + 1, size: one.size, hashes: one.inTree }),
        word("reading.step.log", { entry: one.entry, hashes: one.inLog }),
      ];
      find("raw-steps").textContent = "";
      find("raw-steps").append(...steps.map((step) => element("li", step)));
      find("raw-hash").textContent = one.hash;
    };
    const extreme = readings.findIndex((reading) => reading.why === "extreme");
    choice.value = String(Math.max(0, extreme));
    choice.onchange = draw;
    draw();
    find("raw").hidden = false;
  }

  // -- one day of the season -------------------------------------------------------------------------------------------

  function season(summary) {
    const chart = find("chart");
    if (!chart) return;
    const slider = find("day");
    const svg = chart.querySelector("svg");
    const left = Number(chart.dataset.left);
    const wide = (Number(chart.dataset.right) - left) / summary.days.length;
    const box = svg.viewBox.baseVal;
    const none = word("chart.readout.none");
    const on = (metric, day, of, text) => {
      const columns = summary.metrics[metric];
      return columns && columns.count[day] ? text(of.map((name) => columns[name][day] / 10 ** columns.decimals), columns.count[day]) : none;
    };
    const draw = () => {
      const day = Number(slider.value);
      const x = left + (day + 0.5) * wide;
      find("cursor").setAttribute("d", `M${x} 18V${box.height - 20}`);
      const air = on("air_temperature", day, ["min", "max"], ([low, high]) =>
        word("chart.readout.temperature", { low: low.toFixed(1), high: high.toFixed(1) }),
      );
      const rain = on("rainfall", day, ["sum"], ([sum]) => `${sum.toFixed(1)} mm`);
      const soil = on("soil_moisture_10cm", day, ["sum"], ([sum], count) => `${((sum / count) * 100).toFixed(1)} %`);
      const text = word("chart.readout", { date: summary.days[day], temperature: air, rain, soil });
      find("readout").textContent = text;
      slider.setAttribute("aria-valuetext", text);
    };
    slider.oninput = draw;
    svg.onpointerdown = (event) => {
      const place = svg.getBoundingClientRect();
      const x = ((event.clientX - place.left) / place.width) * box.width;
      slider.value = String(Math.floor((x - left) / wide));
      draw();
    };
    find("pick").hidden = false;
    draw();
  }

  // -- the run ---------------------------------------------------------------------------------------------------------

  async function load(url, kind) {
    const response = await fetch(url, { credentials: "omit", referrerPolicy: "no-referrer" });
    if (!response.ok) throw new Error(`${url}: ${response.status}`);
    return response[kind]();
  }

  async function run() {
    state("checking", word("status.checking"), word("status.checking.more"));
    extra("");
    let bytes;
    let policy = null;
    try {
      // Without a policy the checks say so themselves; without the bundle there is nothing to check.
      const pinned = load(options.policy, "json").catch(() => null);
      bytes = new Uint8Array(await load(options.bundle, "arrayBuffer"));
      policy = await pinned;
    } catch (error) {
      const offline = navigator.onLine === false;
      state("unreachable", word("status.unreachable"), word(offline ? "status.offline.more" : "status.unreachable.more"));
      return;
    }
    const rpc = options.rpc ? new URL(options.rpc, location.href).href : null;
    try {
      tell(await verdict({ bytes, policy, batch: options.batch, rpc }), bytes);
    } catch (error) {
      state("broken", word("status.broken"), word("status.broken.more"));
    }
  }

  find("again").onclick = run;
  run();
})();
