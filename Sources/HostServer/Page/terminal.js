// A terminal: what a guest writes becomes rows of characters with their looks.
//
// Responsible for: the control functions of ECMA-48 that Linux's programs use, the private ones of DEC's VT100 to VT220
// and of xterm that terminfo's `linux`, `vt100` to `vt220` and `xterm` name, and nothing of the page: it knows no element.
// Not responsible for: keys and drawing (console.js). A guest may write anything: whatever it is, what is kept has a bound.
"use strict";

// MARK: Characters

// Columns that a character takes: two for East Asian wide ones (Unicode's UAX #11, by blocks), none for those that are
// drawn over the one before.
function characterWidth(code) {
  if (code < 0x300) return code === 0xad ? 0 : 1;
  if (/^[\p{Mn}\p{Me}\p{Cf}]$/u.test(String.fromCodePoint(code))) return 0;
  const isWide = (code >= 0x1100 && code <= 0x115f) || (code >= 0x2e80 && code <= 0xa4cf && code !== 0x303f)
    || (code >= 0xac00 && code <= 0xd7a3) || (code >= 0xf900 && code <= 0xfaff) || (code >= 0xfe30 && code <= 0xfe6f)
    || (code >= 0xff00 && code <= 0xff60) || (code >= 0xffe0 && code <= 0xffe6)
    || (code >= 0x1f300 && code <= 0x1f64f) || (code >= 0x1f900 && code <= 0x1f9ff)
    || (code >= 0x20000 && code <= 0x3fffd);
  return isWide ? 2 : 1;
}

// DEC's special graphics, from "`" to "~" (VT220 Programmer Reference, table 2-4).
const lineDrawing = "◆▒␉␌␍␊°±␤␋┘┐┌└┼⎺⎻─⎼⎽├┤┴┬│≤≥π≠£·";

// MARK: Rows

// How a cell looks. Values of this kind are shared and never change. Colours are null for the default, a number of the
// palette of 256, or "rgb(…)".
const plainLook = Object.freeze({ ink: null, ground: null, attributes: 0 });
const Attribute = Object.freeze({
  bold: 1, faint: 2, italic: 4, underlined: 8, blinking: 16, inverse: 32, hidden: 64, crossedOut: 128,
});

// A row of the screen.
class TerminalRow {
  constructor(columns, look) {
    // A character with what is drawn over it; the right half of a wide one is "".
    this.characters = new Array(columns).fill(" ");
    this.looks = new Array(columns).fill(look);
    // Whether the next row goes on with it.
    this.goesOn = false;
    // Whether it has to be drawn anew.
    this.isChanged = true;
  }

  clear(from, to, look) {
    this.split(from);
    this.split(to);
    this.characters.fill(" ", from, to);
    this.looks.fill(look, from, to);
    this.isChanged = true;
  }

  // Takes a wide character away of which `column` is the right half.
  split(column) {
    if (column <= 0 || column >= this.characters.length || this.characters[column] !== "") return;
    this.characters[column - 1] = " ";
    this.characters[column] = " ";
  }

  // Moves cells to the right, and out at `end`.
  insert(column, count, look) {
    this.split(column);
    const size = this.characters.length;
    for (let index = size - 1; index >= column + count; index -= 1) {
      this.characters[index] = this.characters[index - count];
      this.looks[index] = this.looks[index - count];
    }
    this.clear(column, Math.min(size, column + count), look);
    // A wide one that lost its right half.
    if (characterWidth(this.characters[size - 1].codePointAt(0) ?? 0x20) === 2) this.characters[size - 1] = " ";
  }

  // Moves cells to the left, over `column`.
  remove(column, count, look) {
    const size = this.characters.length;
    this.split(column);
    this.split(Math.min(size, column + count));
    for (let index = column; index < size; index += 1) {
      this.characters[index] = this.characters[index + count] ?? " ";
      this.looks[index] = this.looks[index + count] ?? look;
    }
    this.isChanged = true;
  }

  get text() { return this.characters.join("").trimEnd(); }
}

// MARK: The terminal

const State = Object.freeze({ ground: 0, escape: 1, sequence: 2, string: 3, stringEscape: 4 });

class Terminal {
  // Bounds of what a guest may write.
  static historyLimit = 2000;
  static sequenceLimit = 256;
  static parameterLimit = 9999;
  static characterLimit = 16;

  // `reply` sends what a guest asks for; `line` hears of each line that was ended.
  constructor({ columns = 80, rows = 24, reply = () => {}, line = () => {} } = {}) {
    Object.assign(this, { columns, rows, reply, line });
    // Rows that left the screen, until somebody takes them; and whether those before are to be forgotten.
    this.history = [];
    this.forgetsHistory = false;
    this.reset();
  }

  reset() {
    this.look = plainLook;
    this.main = this.blankScreen();
    this.screen = this.main;
    Object.assign(this, { state: State.ground, sequence: "" });
    this.softReset();
    Object.assign(this, { row: 0, column: 0, isAtEnd: false });
    this.saved = { main: this.cursor(), other: this.cursor() };
    this.tabs = new Set();
    for (let column = 8; column < this.columns; column += 8) this.tabs.add(column);
    this.last = "";
  }

  // DECSTR.
  softReset() {
    this.look = plainLook;
    Object.assign(this, {
      top: 0, bottom: this.rows - 1, inserts: false, wraps: true, isOrigin: false, showsCursor: true,
      sendsApplicationKeys: false, newLines: false, bracketsPaste: false,
    });
    this.sets = ["B", "B"];
    this.set = 0;
  }

  blankScreen() {
    return Array.from({ length: this.rows }, () => new TerminalRow(this.columns, this.emptyLook));
  }

  // What is erased has the ground that is set.
  get emptyLook() {
    return this.look.ground === null ? plainLook : Object.freeze({ ...plainLook, ground: this.look.ground });
  }

  // Whether a program has the screen for itself.
  get isFullScreen() { return this.screen !== this.main; }

  get text() { return this.screen.map((row) => row.text).join("\n"); }

  // MARK: Reading

  write(text) {
    for (const character of text) this.read(character, character.codePointAt(0));
  }

  read(character, code) {
    if (this.state === State.string || this.state === State.stringEscape) return this.readString(code);
    if (code === 0x1b) {
      this.state = State.escape;
      this.sequence = "";
    } else if (code === 0x18 || code === 0x1a) {
      this.state = State.ground;
    } else if (code < 0x20) {
      this.control(code);
    } else if (code >= 0x7f && code <= 0x9f) {
      // DEL does nothing, and the controls of eight bits are no characters of UTF-8's terminals.
    } else if (this.state === State.ground) {
      this.put(character, code);
    } else if (this.state === State.escape) {
      this.readEscape(character, code);
    } else {
      this.readSequence(character, code);
    }
  }

  readEscape(character, code) {
    if (code >= 0x20 && code <= 0x2f) {
      if (this.sequence.length < Terminal.sequenceLimit) this.sequence += character;
      return;
    }
    this.state = State.ground;
    if (this.sequence !== "") return this.designate(this.sequence, character);
    if (character === "[") {
      this.state = State.sequence;
    } else if ("]PX^_".includes(character)) {
      this.state = State.string;
    } else {
      this.escape(character);
    }
  }

  readSequence(character, code) {
    if (code >= 0x40 && code <= 0x7e) {
      this.state = State.ground;
      if (this.sequence.length < Terminal.sequenceLimit) this.controlSequence(this.sequence, character);
    } else if (code > 0x7e) {
      this.state = State.ground;
    } else if (this.sequence.length < Terminal.sequenceLimit) {
      this.sequence += character;
    }
  }

  // Of a title, and of what devices are told, nothing is kept.
  readString(code) {
    if (code === 0x07 || code === 0x18 || code === 0x1a) {
      this.state = State.ground;
    } else if (code === 0x1b) {
      this.state = State.stringEscape;
    } else if (this.state === State.stringEscape) {
      // "\" ends it; with anything else another sequence has begun.
      this.state = State.escape;
      this.sequence = "";
      if (code === 0x5c) this.state = State.ground;
      else this.read(String.fromCodePoint(code), code);
    }
  }

  // MARK: Characters

  put(character, code) {
    if (this.sets[this.set] === "0" && code >= 0x60 && code <= 0x7e) character = lineDrawing[code - 0x60];
    const width = characterWidth(code);
    if (width === 0) return this.drawOver(character);
    if (this.wraps && (this.isAtEnd || this.column + width > this.columns)) {
      this.screen[this.row].goesOn = true;
      this.column = 0;
      this.index();
    }
    this.isAtEnd = false;
    if (this.column + width > this.columns) this.column = this.columns - width;
    const row = this.screen[this.row];
    if (this.inserts) row.insert(this.column, width, this.emptyLook);
    row.split(this.column);
    row.split(this.column + width);
    row.characters[this.column] = character;
    row.looks[this.column] = this.look;
    if (width === 2) {
      row.characters[this.column + 1] = "";
      row.looks[this.column + 1] = this.look;
    }
    row.isChanged = true;
    this.last = character;
    this.isAtEnd = this.column + width >= this.columns;
    this.column = Math.min(this.columns - 1, this.column + width);
  }

  drawOver(character) {
    const row = this.screen[this.row];
    let column = this.isAtEnd ? this.column : this.column - 1;
    if (row.characters[column] === "") column -= 1;
    if (column < 0 || row.characters[column].length >= Terminal.characterLimit) return;
    row.characters[column] += character;
    row.isChanged = true;
  }

  // MARK: Controls

  control(code) {
    switch (code) {
      case 0x08: this.moveTo(this.row, this.column - 1); break;
      case 0x09: this.tab(1); break;
      case 0x0a: case 0x0b: case 0x0c: this.lineFeed(); break;
      case 0x0d: this.moveTo(this.row, 0); break;
      case 0x0e: this.set = 1; break;
      case 0x0f: this.set = 0; break;
    }
  }

  lineFeed() {
    if (!this.isFullScreen) this.line(this.lineText(this.row));
    this.screen[this.row].goesOn = false;
    this.index();
    if (this.newLines) this.column = 0;
    this.isAtEnd = false;
  }

  // A line, which may have begun rows before.
  lineText(row) {
    let first = row;
    while (first > 0 && this.screen[first - 1].goesOn) first -= 1;
    return this.screen.slice(first, row + 1).map((row) => row.characters.join("")).join("").trimEnd();
  }

  // One row down; at the bottom margin all go up.
  index() {
    if (this.row === this.bottom) this.scrollUp(1);
    else if (this.row < this.rows - 1) this.row += 1;
  }

  reverseIndex() {
    if (this.row === this.top) this.scrollDown(this.top, 1);
    else if (this.row > 0) this.row -= 1;
    this.isAtEnd = false;
  }

  scrollUp(count) {
    for (let time = Math.min(count, this.rows); time > 0; time -= 1) {
      const [gone] = this.screen.splice(this.top, 1);
      if (this.top === 0 && !this.isFullScreen) {
        this.history.push(gone);
        if (this.history.length > Terminal.historyLimit) this.history.shift();
      }
      this.screen.splice(this.bottom, 0, new TerminalRow(this.columns, this.emptyLook));
    }
  }

  // Rows from `first` to the bottom margin go down.
  scrollDown(first, count) {
    for (let time = Math.min(count, this.rows); time > 0; time -= 1) {
      this.screen.splice(this.bottom, 1);
      this.screen.splice(first, 0, new TerminalRow(this.columns, this.emptyLook));
    }
  }

  // Rows from `first` to the bottom margin go up: none of them is history.
  removeRows(first, count) {
    for (let time = Math.min(count, this.rows); time > 0; time -= 1) {
      this.screen.splice(first, 1);
      this.screen.splice(this.bottom, 0, new TerminalRow(this.columns, this.emptyLook));
    }
  }

  tab(count) {
    let column = this.column;
    for (let time = Math.min(count, this.columns); time > 0; time -= 1) {
      do column += 1; while (column < this.columns - 1 && !this.tabs.has(column));
    }
    this.moveTo(this.row, Math.min(column, this.columns - 1));
  }

  tabBack(count) {
    let column = this.column;
    for (let time = Math.min(count, this.columns); time > 0; time -= 1) {
      do column -= 1; while (column > 0 && !this.tabs.has(column));
    }
    this.moveTo(this.row, Math.max(column, 0));
  }

  // MARK: Escape sequences

  escape(character) {
    switch (character) {
      case "7": this.save(); break;
      case "8": this.restore(); break;
      case "D": this.index(); this.isAtEnd = false; break;
      case "E": this.moveTo(this.row, 0); this.index(); break;
      case "H": this.tabs.add(this.column); break;
      case "M": this.reverseIndex(); break;
      case "c": this.reset(); break;
    }
  }

  designate(intermediates, character) {
    if (intermediates === "(") this.sets[0] = character;
    else if (intermediates === ")") this.sets[1] = character;
    else if (intermediates === "#" && character === "8") {
      // DECALN.
      this.screen.forEach((row) => {
        row.characters.fill("E");
        row.looks.fill(plainLook);
        row.isChanged = true;
      });
      Object.assign(this, { top: 0, bottom: this.rows - 1 });
      this.moveTo(0, 0);
    }
  }

  cursor() {
    return {
      row: this.row, column: this.column, isAtEnd: this.isAtEnd, look: this.look, isOrigin: this.isOrigin,
      set: this.set, sets: [...this.sets],
    };
  }

  save() { this.saved[this.isFullScreen ? "other" : "main"] = this.cursor(); }

  restore() {
    const saved = this.saved[this.isFullScreen ? "other" : "main"];
    Object.assign(this, { ...saved, sets: [...saved.sets] });
  }

  // MARK: Control sequences

  controlSequence(text, final) {
    const [, mark, list, intermediates] = /^([<-?]*)([0-9:;]*)([ -/]*)/.exec(text);
    if (mark.length + list.length + intermediates.length !== text.length) return;
    const parameters = list.split(";").map((part) => part.split(":").map(
      (digits) => digits === "" ? 0 : Math.min(Number(digits), Terminal.parameterLimit)));
    const number = (index, least = 1) => Math.max(least, parameters[index]?.[0] ?? 0);
    if (mark === "?" && (final === "h" || final === "l")) {
      parameters.forEach(([mode]) => this.setPrivateMode(mode, final === "h"));
    } else if (mark === "?" && (final === "J" || final === "K")) {
      // Of what is protected there is nothing.
      this.plainSequence(final, number, parameters);
    } else if (mark === ">" && final === "c") {
      this.reply("\x1b[>0;0;0c");
    } else if (mark === "" && intermediates === "!" && final === "p") {
      this.softReset();
    } else if (mark === "" && intermediates === "") {
      this.plainSequence(final, number, parameters);
    }
  }

  plainSequence(final, number, parameters) {
    switch (final) {
      case "@": this.screen[this.row].insert(this.column, Math.min(number(0), this.columns), this.emptyLook); break;
      case "A": this.moveUp(number(0)); break;
      case "B": case "e": this.moveDown(number(0)); break;
      case "C": case "a": this.moveTo(this.row, this.column + number(0)); break;
      case "D": this.moveTo(this.row, this.column - number(0)); break;
      case "E": this.moveDown(number(0)); this.column = 0; break;
      case "F": this.moveUp(number(0)); this.column = 0; break;
      case "G": case "`": this.moveTo(this.row, number(0) - 1); break;
      case "H": case "f": this.moveInOrigin(number(0) - 1, number(1) - 1); break;
      case "I": this.tab(number(0)); break;
      case "J": this.eraseScreen(number(0, 0)); break;
      case "K": this.eraseRow(number(0, 0)); break;
      case "L": this.changeRows(() => this.scrollDown(this.row, number(0))); break;
      case "M": this.changeRows(() => this.removeRows(this.row, number(0))); break;
      case "P": this.screen[this.row].remove(this.column, Math.min(number(0), this.columns), this.emptyLook); break;
      case "S": this.scrollUp(number(0)); break;
      case "T": this.scrollDown(this.top, number(0)); break;
      case "X":
        this.screen[this.row].clear(this.column, Math.min(this.columns, this.column + number(0)), this.emptyLook);
        break;
      case "Z": this.tabBack(number(0)); break;
      // A row is what programs fill so; more would be much work for few bytes.
      case "b": this.repeat(Math.min(number(0), this.columns)); break;
      case "c": this.reply("\x1b[?1;2c"); break;
      case "d": this.moveInOrigin(number(0) - 1, this.column); break;
      case "g":
        if (number(0, 0) === 0) this.tabs.delete(this.column);
        else if (number(0, 0) === 3) this.tabs.clear();
        break;
      case "h": case "l": parameters.forEach(([mode]) => this.setMode(mode, final === "h")); break;
      case "m": this.look = this.changedLook(parameters); break;
      case "n": this.report(number(0, 0)); break;
      case "r": this.setMargins(number(0) - 1, (number(1, 0) || this.rows) - 1); break;
      case "s": this.save(); break;
      case "u": this.restore(); break;
      case "t": if (number(0, 0) === 18) this.reply(`\x1b[8;${this.rows};${this.columns}t`); break;
    }
    if ("@PX".includes(final)) this.isAtEnd = false;
  }

  repeat(count) {
    const character = this.last;
    if (character === "") return;
    for (let time = 0; time < count; time += 1) this.put(character, character.codePointAt(0));
  }

  report(what) {
    if (what === 5) this.reply("\x1b[0n");
    if (what === 6) this.reply(`\x1b[${this.row + 1 - (this.isOrigin ? this.top : 0)};${this.column + 1}R`);
  }

  // MARK: Moving

  moveTo(row, column) {
    this.row = Math.max(0, Math.min(row, this.rows - 1));
    this.column = Math.max(0, Math.min(column, this.columns - 1));
    this.isAtEnd = false;
  }

  moveInOrigin(row, column) {
    if (this.isOrigin) this.moveTo(Math.min(this.top + row, this.bottom), column);
    else this.moveTo(row, column);
  }

  moveUp(count) { this.moveTo(Math.max(this.row - count, this.row >= this.top ? this.top : 0), this.column); }

  moveDown(count) {
    this.moveTo(Math.min(this.row + count, this.row <= this.bottom ? this.bottom : this.rows - 1), this.column);
  }

  setMargins(top, bottom) {
    bottom = Math.min(bottom, this.rows - 1);
    if (top >= bottom) return;
    Object.assign(this, { top, bottom });
    this.moveInOrigin(0, 0);
  }

  // MARK: Erasing

  eraseScreen(what) {
    if (what === 3) {
      this.history = [];
      this.forgetsHistory = true;
      return;
    }
    const [first, last] = [[this.row + 1, this.rows], [0, this.row], [0, this.rows]][what] ?? [0, 0];
    for (let row = first; row < last; row += 1) {
      this.screen[row].clear(0, this.columns, this.emptyLook);
      this.screen[row].goesOn = false;
    }
    if (what < 2) this.eraseRow(what);
    this.isAtEnd = false;
  }

  eraseRow(what) {
    const [from, to] = [[this.column, this.columns], [0, this.column + 1], [0, this.columns]][what] ?? [0, 0];
    this.screen[this.row].clear(from, to, this.emptyLook);
    if (what !== 1) this.screen[this.row].goesOn = false;
    this.isAtEnd = false;
  }

  // Inserts or removes rows, which means something within the margins only.
  changeRows(change) {
    if (this.row < this.top || this.row > this.bottom) return;
    change();
    this.moveTo(this.row, 0);
  }

  // MARK: Modes

  setMode(mode, isOn) {
    if (mode === 4) this.inserts = isOn;
    if (mode === 20) this.newLines = isOn;
  }

  setPrivateMode(mode, isOn) {
    switch (mode) {
      case 1: this.sendsApplicationKeys = isOn; break;
      case 6: this.isOrigin = isOn; this.moveInOrigin(0, 0); break;
      case 7: this.wraps = isOn; break;
      case 25: this.showsCursor = isOn; break;
      case 47: case 1047: this.switchScreen(isOn); break;
      case 1048: if (isOn) this.save(); else this.restore(); break;
      case 1049:
        if (isOn && !this.isFullScreen) this.save();
        if (this.switchScreen(isOn) && !isOn) this.restore();
        break;
      case 2004: this.bracketsPaste = isOn; break;
    }
  }

  // Whether it was another one.
  switchScreen(isOther) {
    if (isOther === this.isFullScreen) return false;
    this.screen = isOther ? this.blankScreen() : this.main;
    this.screen.forEach((row) => { row.isChanged = true; });
    return true;
  }

  // MARK: Looks

  // SGR (ECMA-48 §8.3.117), and xterm's colours.
  changedLook(parameters) {
    let { ink, ground, attributes } = this.look;
    const set = (attribute) => { attributes |= attribute; };
    const clear = (some) => { attributes &= ~some; };
    for (let index = 0; index < parameters.length; index += 1) {
      const [code, ...more] = parameters[index];
      if (code === 0) [ink, ground, attributes] = [null, null, 0];
      else if (code <= 3) set(1 << (code - 1));
      else if (code === 4) { if (more[0] === 0) clear(Attribute.underlined); else set(Attribute.underlined); }
      else if (code === 5 || code === 6) set(Attribute.blinking);
      else if (code >= 7 && code <= 9) set(Attribute.inverse << (code - 7));
      else if (code === 21) set(Attribute.underlined);
      else if (code === 22) clear(Attribute.bold | Attribute.faint);
      else if (code === 23) clear(Attribute.italic);
      else if (code === 24) clear(Attribute.underlined);
      else if (code === 25) clear(Attribute.blinking);
      else if (code >= 27 && code <= 29) clear(Attribute.inverse << (code - 27));
      else if (code >= 30 && code <= 37) ink = code - 30;
      else if (code >= 40 && code <= 47) ground = code - 40;
      else if (code >= 90 && code <= 97) ink = code - 82;
      else if (code >= 100 && code <= 107) ground = code - 92;
      else if (code === 39) ink = null;
      else if (code === 49) ground = null;
      else if (code === 38 || code === 48) {
        // With colons it is one parameter, else several.
        const rest = more.length > 0 ? more : parameters.slice(index + 1).map(([number]) => number);
        const color = Terminal.color(rest, more.length > 0);
        if (more.length === 0) index += color.count;
        if (color.value === undefined) continue;
        if (code === 38) ink = color.value; else ground = color.value;
      }
    }
    return ink === null && ground === null && attributes === 0
      ? plainLook : Object.freeze({ ink, ground, attributes });
  }

  // "5, number" or "2, red, green, blue"; with colons a colour space may come before red.
  static color(numbers, hasColons) {
    if (numbers[0] === 5) return { value: numbers[1] <= 255 ? numbers[1] : undefined, count: 2 };
    if (numbers[0] !== 2) return { count: 1 };
    const parts = hasColons && numbers.length > 4 ? numbers.slice(2, 5) : numbers.slice(1, 4);
    const isRight = parts.length === 3 && parts.every((part) => part <= 255);
    return { value: isRight ? `rgb(${parts.join(" ")})` : undefined, count: 4 };
  }
}
