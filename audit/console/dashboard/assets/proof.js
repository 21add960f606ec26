// Checks, with nothing but the log's public key, that an entry is in the log: C2SP
// tlog-proof, RFC 6962's tree, Ed25519 by WebCrypto.
'use strict';

(() => {
  const panel = document.getElementById('check');
  if (!panel) return;
  const list = document.getElementById('checks');
  const button = panel.querySelector('button');
  const text = new TextEncoder();

  const fromBase64 = (s) => {
    if (!/^[A-Za-z0-9+/]*={0,2}$/.test(s) || s.length % 4 !== 0) throw new Error('is not base64');
    return Uint8Array.from(atob(s), (c) => c.charCodeAt(0));
  };
  const join = (...parts) => {
    const all = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
    let at = 0;
    for (const p of parts) {
      all.set(p, at);
      at += p.length;
    }
    return all;
  };
  const sha256 = async (...parts) => new Uint8Array(await crypto.subtle.digest('SHA-256', join(...parts)));
  const same = (a, b) => a.length === b.length && a.every((x, i) => x === b[i]);

  // The note package's key: name+hash+base64(algorithm, key).
  async function parseKey(s) {
    const match = /^([^+\s]+)\+([0-9a-f]{8})\+(\S+)$/.exec(s.trim());
    if (!match) throw new Error('This is not a public key of a log.');
    const [, name, id, encoded] = match;
    const data = fromBase64(encoded);
    const hash = (await sha256(text.encode(name + '\n'), data)).slice(0, 4);
    const hex = [...hash].map((b) => b.toString(16).padStart(2, '0')).join('');
    if (data[0] !== 1 || data.length !== 33) throw new Error('This is not an Ed25519 key.');
    if (hex !== id) throw new Error('The key is not whole: its hash is another.');
    return { name, hash, key: data.slice(1) };
  }

  function parseProof(s) {
    const end = s.indexOf('\n\n');
    const lines = s.slice(0, end).split('\n');
    if (end < 0 || lines.shift() !== 'c2sp.org/tlog-proof@v1') throw new Error('This is not a proof.');
    let line = lines.shift();
    let entry = null;
    if (line?.startsWith('extra ')) {
      entry = fromBase64(line.slice(6));
      line = lines.shift();
    }
    if (!/^index (0|[1-9][0-9]*)$/.test(line || '')) throw new Error('The proof has no index.');
    return { entry, index: BigInt(line.slice(6)), hashes: lines.map(fromBase64), checkpoint: s.slice(end + 2) };
  }

  function parseCheckpoint(note, key) {
    const end = note.indexOf('\n\n');
    const signed = note.slice(0, end + 1);
    const lines = signed.split('\n');
    if (end < 0 || lines.length < 4 || !/^(0|[1-9][0-9]*)$/.test(lines[1])) throw new Error('The checkpoint is malformed.');
    for (const line of note.slice(end + 2).split('\n')) {
      const match = /^\u2014 (\S+) (\S+)$/.exec(line);
      if (!match || match[1] !== key.name) continue;
      const data = fromBase64(match[2]);
      if (same(data.slice(0, 4), key.hash)) {
        return { origin: lines[0], size: BigInt(lines[1]), root: fromBase64(lines[2]), signed, signature: data.slice(4) };
      }
    }
    throw new Error('The checkpoint is not signed with this key.');
  }

  // RFC 9162, 2.1.3.2.
  async function rootOf(leaf, index, size, hashes) {
    if (index >= size) throw new Error('The checkpoint does not cover the entry.');
    let node = index;
    let last = size - 1n;
    let hash = leaf;
    const pair = Uint8Array.of(1);
    for (const h of hashes) {
      if (last === 0n) throw new Error('The proof is too long.');
      if ((node & 1n) === 1n || node === last) {
        hash = await sha256(pair, h, hash);
        while ((node & 1n) === 0n && node !== 0n) {
          node >>= 1n;
          last >>= 1n;
        }
      } else {
        hash = await sha256(pair, hash, h);
      }
      node >>= 1n;
      last >>= 1n;
    }
    if (last !== 0n) throw new Error('The proof is too short.');
    return hash;
  }

  function say(tone, words) {
    const item = document.createElement('li');
    item.className = tone;
    item.textContent = words;
    list.append(item);
  }

  async function check() {
    list.replaceChildren();
    const key = await parseKey(document.getElementById('key').value);
    const answer = await fetch(panel.dataset.proof, { redirect: 'error' });
    if (!answer.ok) throw new Error(`The server gave no proof: ${(await answer.json()).detail || answer.status}`);
    const proof = parseProof(await answer.text());
    if (!proof.entry) throw new Error('The log does not have the line of this entry any more: check the proof with a line that you kept.');
    const line = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(proof.entry));
    if (String(proof.index) !== panel.dataset.index || String(line.index) !== panel.dataset.index) throw new Error('The proof is about another entry.');
    const checkpoint = parseCheckpoint(proof.checkpoint, key);
    if (checkpoint.origin !== key.name) throw new Error('The checkpoint is of another log.');
    const leaf = await sha256(Uint8Array.of(0), proof.entry);
    const root = await rootOf(leaf, proof.index, checkpoint.size, proof.hashes);
    if (!same(root, checkpoint.root)) throw new Error('The entry is NOT in the tree that the checkpoint names.');
    say('good', `The entry is number ${proof.index} of ${checkpoint.size} in a tree whose root is ${btoa(String.fromCharCode(...root))}.`);
    let verified;
    try {
      const imported = await crypto.subtle.importKey('raw', key.key, { name: 'Ed25519' }, false, ['verify']);
      verified = await crypto.subtle.verify({ name: 'Ed25519' }, imported, checkpoint.signature, text.encode(checkpoint.signed));
    } catch {
      say('warn', 'This browser cannot check Ed25519 signatures: download the proof, and check it with gatepost audit check-proof.');
      return;
    }
    if (!verified) throw new Error('The signature of the checkpoint is NOT valid.');
    say('good', `The log ${checkpoint.origin} has signed that root.`);
  }

  if (!globalThis.crypto?.subtle) {
    say('warn', 'This browser checks proofs over HTTPS or on this machine only: download the proof, and check it with gatepost audit check-proof.');
    return;
  }
  button.disabled = false;
  button.addEventListener('click', async () => {
    button.disabled = true;
    try {
      await check();
    } catch (e) {
      say('bad', e.message);
    }
    button.disabled = false;
  });
})();
