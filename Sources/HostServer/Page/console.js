// A VM's console on the page: draws a terminal, and turns keys into what a terminal sends.
//
// Responsible for: the elements of the console, the keyboard, and that whoever does not see it hears each line. Not
// responsible for: what control sequences mean (terminal.js), and how bytes come and go (page.js).
"use strict";

// MARK: Keys

// By `KeyboardEvent.key`: what follows CSI, or SS3, as xterm sends it.
const letterKeys = {
  ArrowUp: "A", ArrowDown: "B", ArrowRight: "C", ArrowLeft: "D", Home: "H", End: "F", F1: "P", F2: "Q", F3: "R", F4: "S",
};
const numberKeys = {
  Insert: 2, Delete: 3, PageUp: 5, PageDown: 6, F5: 15, F6: 17, F7: 18, F8: 19, F9: 20, F10: 21, F11: 23, F12: 24,
};
const plainKeys = { Enter: "\r", Tab: "\t", Escape: "\x1b", Backspace: "\x7f" };
// With Ctrl, besides the letters.
const controlKeys = {
  " ": "\0", "@": "\0", "[": "\x1b", "\\": "\x1c", "]": "\x1d", "^": "\x1e", "_": "\x1f", "/": "\x1f", "?": "\x7f",
  2: "\0", 3: "\x1b", 4: "\x1c", 5: "\x1d", 6: "\x1e", 7: "\x1f", 8: "\x7f",
};

// What a key sends; null for one that is the browser's.
function keyText(event, sendsApplicationKeys) {
  const { key } = event;
  if (event.metaKey || event.isComposing) return null;
  const isThirdLevel = event.getModifierState?.("AltGraph") ?? false;
  const ctrl = event.ctrlKey && !isThirdLevel;
  const alt = event.altKey && !isThirdLevel;
  const modifiers = 1 + (event.shiftKey ? 1 : 0) + (alt ? 2 : 0) + (ctrl ? 4 : 0);
  if (key in letterKeys) {
    if (modifiers > 1) return `\x1b[1;${modifiers}${letterKeys[key]}`;
    const isFunction = key.startsWith("F");
    return `\x1b${isFunction || sendsApplicationKeys ? "O" : "["}${letterKeys[key]}`;
  }
  if (key in numberKeys) return `\x1b[${numberKeys[key]}${modifiers > 1 ? `;${modifiers}` : ""}~`;
  let text;
  if (key in plainKeys) {
    text = plainKeys[key];
  } else if ([...key].length !== 1) {
    return null;
  } else if (ctrl) {
    // Copying and pasting, among others.
    if (event.shiftKey && /^[a-z]$/i.test(key)) return null;
    text = /^[a-z]$/i.test(key) ? String.fromCharCode(key.charCodeAt(0) & 0x1f) : controlKeys[key];
    if (text === undefined) return null;
  } else {
    text = key;
  }
  return alt ? `\x1b${text}` : text;
}

// What is pasted, as if it were typed.
function pastedText(text, bracketsPaste) {
  const typed = text.replace(/\r?\n/g, "\r");
  return bracketsPaste ? `\x1b[200~${typed.replaceAll("\x1b", "")}\x1b[201~` : typed;
}

// MARK: Colours

// Of the palette of 256, those above 15: a cube of six steps, and greys.
function paletteColor(number) {
  if (number >= 232) return Array(3).fill(8 + 10 * (number - 232));
  const step = (value) => value === 0 ? 0 : 55 + 40 * value;
  const index = number - 16;
  return [step(Math.floor(index / 36)), step(Math.floor(index / 6) % 6), step(index % 6)];
}

// Gives a colour to an element: one of sixteen is the page's, which knows light and dark.
function paint(element, color, kind) {
  if (color === null) return null;
  if (typeof color === "number" && color < 16) {
    element.classList.add(`${kind}-${color}`);
    return null;
  }
  const parts = typeof color === "number" ? paletteColor(color) : color.match(/\d+/g).map(Number);
  element.style[kind === "ink" ? "color" : "backgroundColor"] = `rgb(${parts.join(" ")})`;
  return parts;
}

function paintLook(element, look) {
  const isInverse = (look.attributes & Attribute.inverse) !== 0;
  const [ink, ground] = isInverse ? [look.ground, look.ink] : [look.ink, look.ground];
  if (isInverse && ink === null && ground === null) element.classList.add("inverse");
  const isInked = ink !== null;
  paint(element, ink, "ink");
  const parts = paint(element, ground, "ground");
  // On a colour that is the guest's, text of the page's own might not be seen.
  if (parts && !isInked) {
    element.style.color = parts[0] * 0.3 + parts[1] * 0.59 + parts[2] * 0.11 > 128 ? "black" : "white";
  }
  for (const [name, bit] of Object.entries(Attribute)) {
    if (look.attributes & bit && name !== "inverse") element.classList.add(name);
  }
}

// MARK: The view

class ConsoleView {
  // Rows above the screen, bytes of a paste, lines that are kept for those who hear them, and after how long without a
  // word what has no end yet is told them, in milliseconds.
  static historyLimit = 2000;
  static pasteLimit = 1 << 18;
  static spokenLimit = 20;
  static quietTime = 700;

  // `elements` are `box`, which has the focus and holds `history` and `screen`; `spoken`, and `hint`. `send` takes what
  // is typed, and `reply` what the terminal answers.
  constructor(elements, { send, reply }) {
    Object.assign(this, elements, { send, isTyping: false, writes: false, rows: new WeakMap(), isScheduled: false });
    this.answer = reply;
    this.clear();
    const { box } = this;
    box.addEventListener("keydown", (event) => this.keyDown(event));
    box.addEventListener("click", () => { if (getSelection().isCollapsed) this.setTyping(true); });
    box.addEventListener("blur", () => this.setTyping(false));
    box.addEventListener("paste", (event) => this.paste(event));
  }

  clear() {
    this.terminal = new Terminal({
      reply: (text) => { if (this.isLive && this.writes) this.answer(text); },
      line: (text) => { if (this.isLive) this.speak(text); },
    });
    this.decoder = new TextDecoder();
    this.old = 0;
    this.spokenRest = "";
    clearTimeout(this.timer);
    this.history.replaceChildren();
    this.spoken.replaceChildren();
    this.close("");
    this.draw();
  }

  // Whether what comes is of now. What was written before is shown; questions in it were answered long ago.
  get isLive() { return this.old <= 0; }

  // A stream begins: with `old` bytes of what was written before.
  open({ writes, detail, old }) {
    this.clear();
    this.writes = writes;
    this.old = old;
    this.detail = detail;
    this.setTyping(false);
  }

  close(detail) {
    this.writes = false;
    this.detail = detail;
    this.setTyping(false);
  }

  output(bytes) {
    const first = bytes.subarray(0, Math.max(0, this.old));
    if (first.length > 0) {
      this.terminal.write(this.decoder.decode(first, { stream: true }));
      this.old -= first.length;
    }
    this.terminal.write(this.decoder.decode(bytes.subarray(first.length), { stream: true }));
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.speakRest(), ConsoleView.quietTime);
    if (this.isScheduled) return;
    this.isScheduled = true;
    requestAnimationFrame(() => {
      this.isScheduled = false;
      this.draw();
    });
  }

  // MARK: Drawing

  draw() {
    const { terminal, box } = this;
    const isAtEnd = box.scrollTop + box.clientHeight >= box.scrollHeight - 40;
    if (terminal.forgetsHistory) this.history.replaceChildren();
    terminal.forgetsHistory = false;
    const gone = terminal.history.splice(0).map((row) => this.element(row, -1));
    this.history.append(...gone);
    const surplus = this.history.childElementCount - ConsoleView.historyLimit;
    for (let count = surplus; count > 0; count -= 1) this.history.firstChild.remove();
    const elements = terminal.screen.map(
      (row, index) => this.element(row, terminal.showsCursor && index === terminal.row ? terminal.column : -1));
    // Those that are there already stay, so that a selection does.
    elements.forEach((element, index) => {
      if (this.screen.children[index] !== element) this.screen.insertBefore(element, this.screen.children[index] ?? null);
    });
    while (this.screen.childElementCount > elements.length) this.screen.lastChild.remove();
    if (isAtEnd) box.scrollTop = box.scrollHeight;
  }

  // The element of a row, drawn anew if it changed, or if the cursor came or went.
  element(row, cursor) {
    let known = this.rows.get(row);
    if (!known) {
      known = { element: document.createElement("div"), cursor: -1 };
      this.rows.set(row, known);
    }
    if (row.isChanged || known.cursor !== cursor) {
      row.isChanged = false;
      known.cursor = cursor;
      known.element.replaceChildren(...this.runs(row, cursor));
    }
    return known.element;
  }

  // Cells of the same look, one element for each run of them.
  runs(row, cursor) {
    const { characters, looks } = row;
    let end = characters.length;
    while (end > cursor + 1 && characters[end - 1] === " " && looks[end - 1] === plainLook) end -= 1;
    const runs = [];
    let begin = 0;
    while (begin < end) {
      let next = begin + 1;
      const isCursor = begin === cursor;
      // A wide one is a run of its own: no font has it exactly two columns wide.
      const isWide = characters[begin + 1] === "";
      if (isWide) next += 1;
      while (!isCursor && !isWide && next < end && looks[next] === looks[begin] && next !== cursor
        && characters[next + 1] !== "") next += 1;
      const text = characters.slice(begin, next).join("");
      if (looks[begin] === plainLook && !isCursor && !isWide) {
        runs.push(document.createTextNode(text));
      } else {
        const span = document.createElement("span");
        span.textContent = text;
        paintLook(span, looks[begin]);
        if (isCursor) span.classList.add("cursor");
        if (isWide) span.classList.add("wide");
        runs.push(span);
      }
      begin = next;
    }
    return runs;
  }

  // MARK: Hearing it

  // A program that has the screen for itself is read on the screen; lines are told as they end.
  speak(text) {
    const words = text === this.spokenRest ? "" : text.trim();
    this.spokenRest = "";
    if (words === "") return;
    const line = document.createElement("p");
    line.textContent = words;
    this.spoken.append(line);
    while (this.spoken.childElementCount > ConsoleView.spokenLimit) this.spoken.firstChild.remove();
  }

  // What has no end yet: a prompt.
  speakRest() {
    const { terminal } = this;
    if (terminal.isFullScreen || !this.isLive) return;
    const text = terminal.lineText(terminal.row);
    if (text === this.spokenRest) return;
    this.speak(text);
    this.spokenRest = text;
  }

  // MARK: Typing

  setTyping(isTyping) {
    this.isTyping = isTyping && this.writes;
    this.box.classList.toggle("typing", this.isTyping);
    this.hint.textContent = !this.writes ? this.detail : this.isTyping
      ? "Every key goes to the guest. Shift+Tab ends that; Shift+Page Up shows what was before."
      : "Press Enter here, or click, and every key goes to the guest.";
  }

  keyDown(event) {
    const { box, terminal } = this;
    const hasModifier = event.shiftKey || event.ctrlKey || event.altKey || event.metaKey;
    if (event.shiftKey && (event.key === "PageUp" || event.key === "PageDown")) {
      event.preventDefault();
      box.scrollBy(0, (event.key === "PageUp" ? -1 : 1) * box.clientHeight * 0.9);
    } else if (!this.isTyping) {
      if (event.key !== "Enter" || hasModifier || !this.writes) return;
      event.preventDefault();
      this.setTyping(true);
    } else if (event.key === "Tab" && event.shiftKey) {
      event.preventDefault();
      this.setTyping(false);
    } else {
      const text = keyText(event, terminal.sendsApplicationKeys);
      if (text === null) return;
      event.preventDefault();
      this.send(text);
      box.scrollTop = box.scrollHeight;
    }
  }

  // What an arrow sends now, by the letter that follows CSI.
  arrow(letter) { return `\x1b${this.terminal.sendsApplicationKeys ? "O" : "["}${letter}`; }

  paste(event) {
    if (!this.isTyping) return;
    event.preventDefault();
    const text = event.clipboardData.getData("text/plain").slice(0, ConsoleView.pasteLimit);
    this.send(pastedText(text, this.terminal.bracketsPaste));
  }
}
