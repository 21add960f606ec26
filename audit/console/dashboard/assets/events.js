// The live tail. Rows stay where they are, and events move through them: nothing
// on the page moves while somebody reads. While a row has the focus or the pointer
// is on the list, events wait.
'use strict';

(() => {
  const live = document.getElementById('live');
  if (!live?.dataset.stream) return;
  const limit = Number(live.dataset.limit);
  const state = document.getElementById('live-state');
  const pause = document.getElementById('pause');
  const body = document.getElementById('rows');
  const table = body.closest('table');
  const blank = document.getElementById('blank').content.firstElementChild;
  const older = document.getElementById('older');

  const good = ['matched', 'derived', 'covered', 'known_direct'];
  const busy = ['pending', 'late', 'matched_weak'];
  const doubtful = ['unknown', 'ambiguous', 'amended', 'foreign_instance'];
  const bad = ['missing', 'mismatched', 'bypass'];

  const words = (s) => (s || '').replaceAll('_', ' ');

  // visible writes what does not show itself, or turns text around, as the log does.
  const visible = (s) => s.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (c) => {
    const code = c.codePointAt(0);
    return code <= 0xffff ? `\\u${code.toString(16).padStart(4, '0')}` : `\\u{${code.toString(16)}}`;
  });

  function took(us) {
    if (us < 1000) return `${us}\u00a0µs`;
    if (us < 100000) return `${(us / 1000).toFixed(1)}\u00a0ms`;
    if (us < 1000000) return `${Math.floor(us / 1000)}\u00a0ms`;
    return `${(us / 1000000).toFixed(1)}\u00a0s`;
  }

  function stateTone(s) {
    if (good.includes(s)) return 'good';
    if (busy.includes(s)) return 'busy';
    if (doubtful.includes(s)) return 'warn';
    return bad.includes(s) ? 'bad' : '';
  }

  const cacheTone = (c) => (c === 'hit' || c === 'coalesced' ? 'good' : c === 'miss' ? 'busy' : '');
  const statusTone = (n) => (n >= 500 || n === 0 ? 'bad' : n >= 400 ? 'warn' : 'good');

  // rowOf is what the server makes of an entry, made of a line of the stream.
  function rowOf(e) {
    const row = {
      id: e.id, index: e.index, time: e.time, kind: e.kind, who: e.principal || '', unsure: false, what: e.operation || '',
      on: e.connection_id || e.path || '', cache: '', cacheTone: '', status: e.status || '', statusTone: '', result: '', took: '',
      state: e.state || '', stateTone: stateTone(e.state),
    };
    if (!row.who && e.access_key_id) {
      row.who = e.access_key_id;
      row.unsure = true;
    }
    switch (e.kind) {
      case 'outcome':
      case 'intent':
        row.cache = e.cache || '';
        row.cacheTone = cacheTone(row.cache);
        if (e.kind === 'outcome') {
          row.statusTone = statusTone(e.status || 0);
          row.took = took(e.duration_us || 0);
        } else {
          row.result = 'intent';
        }
        if (e.error_class && e.error_class !== 'none') row.result = words(e.error_class);
        break;
      case 'finding':
        row.who ||= e.upstream?.identity_arn || '';
        row.result = e.detail || '';
        break;
      case 'verdict':
        row.what = 'verdict';
        row.on = e.of || '';
        row.result = words(e.evidence);
        break;
      default:
        row.what = words(e.action);
        row.result = e.detail || '';
        if (e.status > 0) row.statusTone = statusTone(e.status);
    }
    for (const name of ['who', 'what', 'on', 'result', 'state', 'cache']) row[name] = visible(row[name]);
    return row;
  }

  function badge(cell, text, tone) {
    const b = cell.querySelector('.badge');
    b.className = `badge ${tone}`;
    b.textContent = text;
  }

  function write(tr, row) {
    const cell = (name) => tr.querySelector(`.c-${name}`);
    const plain = (name, text) => {
      const c = cell(name);
      c.textContent = text;
      c.title = text;
    };
    tr.dataset.index = row.index;
    // Fresh cells stand at their places from the beginning, where changed ones would
    // be seen to move.
    tr.replaceChildren(...blank.cloneNode(true).children);
    const open = cell('time').querySelector('a');
    open.href = /^[0-9A-Za-z-]+$/.test(row.id) ? `/events/${row.id}` : `/events?q=${encodeURIComponent(row.id)}`;
    gatepost.moment(open.querySelector('time'), row.time);
    plain('who', row.who);
    cell('who').classList.toggle('unsure', row.unsure);
    const what = cell('what');
    what.title = row.what;
    if (row.kind !== 'outcome') {
      const kind = document.createElement('span');
      kind.className = 'kind';
      kind.textContent = row.kind;
      what.append(kind, ' ');
    }
    const text = document.createElement('span');
    text.className = 'text';
    text.textContent = row.what;
    what.append(text);
    plain('on', row.on);
    badge(cell('cache'), row.cache, row.cacheTone);
    const status = cell('status');
    status.title = row.result;
    badge(status, row.status, row.statusTone);
    status.querySelector('.text').textContent = row.result;
    cell('took').textContent = row.took;
    badge(cell('state'), words(row.state), row.stateTone);
  }

  // What stands on the page, newest first.
  const onPage = [...body.rows].map((tr) => ({ node: tr.cloneNode(true), index: Number(tr.dataset.index) }));

  let waiting = []; // newest first
  let paused = false;
  let connected = false;
  let drawing = 0;
  let ended = '';
  let flooded = 0; // a timer, while more comes than can be shown

  function say() {
    let text = 'connecting…';
    if (ended) text = ended;
    else if (paused) text = waiting.length > 0 ? `paused, ${waiting.length >= limit ? `${limit} or more` : waiting.length} new` : 'paused';
    else if (connected) text = flooded ? 'live, only the newest of many' : 'live';
    if (state.textContent !== text) state.textContent = text;
    live.classList.toggle('on', connected && !paused);
  }

  const busyReading = () => body.contains(document.activeElement) || table.matches(':hover');

  function draw() {
    drawing = 0;
    if (paused || waiting.length === 0) {
      say();
      return;
    }
    if (busyReading()) {
      state.textContent = `live, ${waiting.length} new wait while you read`;
      return; // leaving the list goes on
    }
    onPage.unshift(...waiting);
    waiting = [];
    if (onPage.length > limit) {
      onPage.length = limit;
      const q = new URLSearchParams(new URL(location.href).search);
      q.set('before', onPage[limit - 1].index);
      older.href = `/events?${q}`;
      older.hidden = false;
      document.getElementById('oldest')?.remove();
    }
    document.getElementById('empty')?.remove();
    while (body.rows.length < onPage.length) body.append(blank.cloneNode(true));
    onPage.forEach((entry, i) => {
      const tr = body.rows[i];
      if (Number(tr.dataset.index) === entry.index && tr.dataset.index) return;
      if (entry.row) write(tr, entry.row);
      else {
        // The server wrote it, and knows a state that the line does not have.
        tr.replaceChildren(...entry.node.cloneNode(true).childNodes);
        tr.dataset.index = entry.index;
      }
    });
    say();
  }

  // A burst is drawn once.
  function soon() {
    if (drawing === 0) drawing = setTimeout(draw, 200);
  }

  const source = new EventSource(live.dataset.stream);
  source.onopen = () => {
    connected = true;
    say();
  };
  source.onerror = () => {
    connected = false;
    if (source.readyState === EventSource.CLOSED) ended = 'not live: the server refused, reload to try again';
    say();
  };
  source.onmessage = (m) => {
    const e = JSON.parse(m.data);
    waiting.unshift({ row: rowOf(e), index: e.index });
    if (waiting.length > limit) waiting.length = limit;
    if (paused) say();
    else soon();
  };
  // Behind what is left out come as many as the page has room for.
  source.addEventListener('skipped', () => {
    clearTimeout(flooded);
    flooded = setTimeout(() => {
      flooded = 0;
      say();
    }, 2000);
    say();
  });
  source.addEventListener('end', (m) => {
    const { reason } = JSON.parse(m.data);
    if (reason === 'revoked' || reason === 'unreadable') {
      source.close();
      connected = false;
      ended = reason === 'revoked' ? 'not live: the session has ended, log in again' : 'not live: the log cannot be read at this place';
      say();
    }
  });
  // A page that is left takes no connection with it, and gets one when it is shown
  // again.
  addEventListener('pagehide', () => source.close());
  addEventListener('pageshow', (e) => { if (e.persisted) location.reload(); });

  pause.disabled = false;
  pause.addEventListener('click', () => {
    paused = !paused;
    pause.setAttribute('aria-pressed', String(paused));
    pause.textContent = paused ? 'Go on' : 'Pause';
    if (!paused) draw();
    say();
  });
  table.addEventListener('pointerleave', soon);
  body.addEventListener('focusout', soon);
  say();
})();
