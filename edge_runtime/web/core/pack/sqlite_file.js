/**
 * Reading tables of a SQLite file: the b-tree pages of the file format 3, read-only, without SQL.
 *
 * Packs hold two such files with plain tables (references, thumbnails). Source: https://www.sqlite.org/fileformat2.html.
 * The content may be hostile even if its hash is right: every offset is checked, and no page is visited without end.
 */

import { damaged } from "../errors.js";

/** @typedef {string | number | null | Uint8Array} Value */
/** @typedef {{root: number, columns: string[], stored: number[], rowId: number, isWithoutRowId: boolean}} Table */

const HEADER_BYTES = 100;
const MAGIC = "SQLite format 3\0";
const MOST_ENTRIES = 100; // of a schema; a pack's files have four
const MOST_DEPTH = 24; // of a b-tree; that of a million rows has four levels
const UTF8 = 1;
const [INDEX_INNER, TABLE_INNER, INDEX_LEAF, TABLE_LEAF] = [2, 5, 10, 13];
const PERMITTED = /^\s*CREATE\s+(TABLE|INDEX|UNIQUE\s+INDEX)\s/i; // no view, no trigger, no virtual table

/** The tables of a SQLite file in memory. */
export class SqliteFile {
  /**
   * @param {Uint8Array} data The file's bytes, whose hash was checked.
   * @param {{where: string, maxRowBytes: number}} options
   */
  constructor(data, { where, maxRowBytes }) {
    this._data = data;
    this._view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    this._where = where;
    this._maxRowBytes = maxRowBytes;
    this._text = new TextDecoder("utf-8", { fatal: true });
    if (data.length < HEADER_BYTES || String.fromCharCode(...data.subarray(0, 16)) !== MAGIC) {
      throw this.damaged("it does not begin like a SQLite file");
    }
    const pageBytes = this._view.getUint16(16);
    this._pageBytes = pageBytes === 1 ? 65536 : pageBytes;
    this._usableBytes = this._pageBytes - data[20];
    if (this._pageBytes < 512 || this._pageBytes & (this._pageBytes - 1) || this._usableBytes < 480) {
      throw this.damaged("its pages have no valid size");
    }
    if (this._view.getUint32(56) > UTF8) throw this.damaged("its texts are not UTF-8");
    this._pageCount = Math.floor(data.length / this._pageBytes);
    /** @type {Map<string, Table>} */
    this._tables = this._readSchema();
  }

  /** @param {string} name */
  has(name) {
    return this._tables.has(name);
  }

  /**
   * Return all rows of a table, in the order of its key.
   *
   * @param {string} name
   * @param {readonly string[]} columns
   * @returns {Generator<Value[]>}
   */
  *rows(name, columns) {
    const table = this._table(name);
    const pick = this._picked(table, name, columns);
    for (const [rowId, record] of this._records(table)) yield this._picks(record, rowId, table, pick);
  }

  /**
   * Return the row with a key: the row id of a table, or the first column of a table without row ids.
   *
   * @param {string} name
   * @param {string | number} key
   * @param {readonly string[]} columns
   * @returns {Value[] | null}
   */
  row(name, key, columns) {
    const table = this._table(name);
    const found = typeof key === "number" ? this._byRowId(table, key) : this._byText(table, key);
    if (found === null) return null;
    return this._picks(found, typeof key === "number" ? key : 0, table, this._picked(table, name, columns));
  }

  /** @param {string} reason */
  damaged(reason) {
    return damaged(`${this._where}: is not a readable file (${reason}); build or fetch the pack again`);
  }

  /** @returns {Map<string, Table>} */
  _readSchema() {
    /** @type {Table} */
    const schema = { root: 1, columns: [], stored: [], rowId: -1, isWithoutRowId: false };
    const tables = new Map();
    let count = 0;
    for (const [, record] of this._records(schema)) {
      const [kind, name, , root, sql] = this._values(record, 5);
      if (++count > MOST_ENTRIES) throw this.damaged(`it has more than ${MOST_ENTRIES} tables and indexes`);
      const isOwnIndex = kind === "index" && sql === null; // of a primary key
      const isPermitted = isOwnIndex || (typeof sql === "string" && PERMITTED.test(sql));
      if ((kind !== "table" && kind !== "index") || !isPermitted || typeof root !== "number" || root < 1) {
        throw this.damaged(`it has ${shown(name)}, which is neither a table nor an index`);
      }
      if (kind === "table") tables.set(String(name), tableOf(String(sql), root));
    }
    return tables;
  }

  /** @param {string} name */
  _table(name) {
    const table = this._tables.get(name);
    if (table === undefined) throw this.damaged(`it has no table ${name}`);
    return table;
  }

  /**
   * @param {Table} table
   * @param {string} name
   * @param {readonly string[]} columns
   */
  _picked(table, name, columns) {
    return columns.map((column) => {
      const at = table.columns.indexOf(column);
      if (at < 0) throw this.damaged(`its table ${name} has no column ${column}`);
      return at;
    });
  }

  /**
   * @param {Uint8Array} record
   * @param {number} rowId
   * @param {Table} table
   * @param {readonly number[]} pick
   */
  _picks(record, rowId, table, pick) {
    const values = this._values(record, table.columns.length);
    return pick.map((at) => (at === table.rowId ? rowId : values[table.stored[at]] ?? null));
  }

  /**
   * @param {Table} table
   * @returns {Generator<[number, Uint8Array]>} Row id (0 without) and record of each row, in order.
   */
  *_records(table) {
    /** @type {Array<{page: number, cell: number}>} */
    const path = [{ page: table.root, cell: 0 }];
    let visited = 0;
    while (path.length) {
      const at = path[path.length - 1];
      if (at.cell === 0 && ++visited > this._pageCount) throw this.damaged("its pages form a loop");
      const page = this._page(at.page, table.isWithoutRowId);
      if (at.cell > page.cells || (page.isLeaf && at.cell === page.cells)) {
        path.pop();
        continue;
      }
      // The cell of an inner index page is a row itself, between those of its child and of the next one.
      if (page.isLeaf) yield this._cell(page, at.cell++);
      else {
        if (at.cell > 0 && table.isWithoutRowId) yield this._cell(page, at.cell - 1);
        if (path.length >= MOST_DEPTH) throw this.damaged("its pages are nested too deeply");
        path.push({ page: this._child(page, at.cell++), cell: 0 });
      }
    }
  }

  /**
   * @param {Table} table
   * @param {number} rowId
   * @returns {Uint8Array | null}
   */
  _byRowId(table, rowId) {
    let number = table.root;
    for (let depth = 0; depth < MOST_DEPTH; depth++) {
      const page = this._page(number, false);
      const at = firstFrom(page.cells, (cell) => this._rowIdOf(page, cell) >= rowId);
      if (page.isLeaf) {
        return at < page.cells && this._rowIdOf(page, at) === rowId ? this._cell(page, at)[1] : null;
      }
      number = this._child(page, at);
    }
    throw this.damaged("its pages are nested too deeply");
  }

  /**
   * @param {Table} table
   * @param {string} key
   * @returns {Uint8Array | null}
   */
  _byText(table, key) {
    const wanted = new TextEncoder().encode(key);
    let number = table.root;
    for (let depth = 0; depth < MOST_DEPTH; depth++) {
      const page = this._page(number, true);
      const at = firstFrom(page.cells, (cell) => this._compareKey(this._cell(page, cell)[1], wanted) >= 0);
      if (at < page.cells) {
        const record = this._cell(page, at)[1];
        if (this._compareKey(record, wanted) === 0) return record;
      }
      if (page.isLeaf) return null;
      number = this._child(page, at);
    }
    throw this.damaged("its pages are nested too deeply");
  }

  /**
   * @param {Uint8Array} record
   * @param {Uint8Array} wanted
   * @returns {number} Below 0 if the record's first column is before the wanted text. Other types come before texts.
   */
  _compareKey(record, wanted) {
    const [headerBytes, after] = this._varint(record, 0);
    const [type] = this._varint(record, after);
    if (type < 13 || type % 2 === 0) return type >= 12 ? 1 : -1;
    const length = (type - 13) / 2;
    if (headerBytes + length > record.length) throw this.damaged("a row ends within a value");
    return compareBytes(record.subarray(headerBytes, headerBytes + length), wanted);
  }

  /**
   * @param {number} number From 1.
   * @param {boolean} isIndex
   */
  _page(number, isIndex) {
    if (number < 1 || number > this._pageCount) throw this.damaged(`it has no page ${number}`);
    const start = (number - 1) * this._pageBytes;
    const header = start + (number === 1 ? HEADER_BYTES : 0);
    const kind = this._data[header];
    const isLeaf = kind === (isIndex ? INDEX_LEAF : TABLE_LEAF);
    if (!isLeaf && kind !== (isIndex ? INDEX_INNER : TABLE_INNER)) {
      throw this.damaged(`page ${number} is of the kind ${kind}`);
    }
    const cells = this._view.getUint16(header + 3);
    const pointers = header + (isLeaf ? 8 : 12);
    if (pointers + 2 * cells > start + this._usableBytes) throw this.damaged(`page ${number} has ${cells} cells`);
    return { start, header, cells, pointers, isLeaf, isIndex };
  }

  /**
   * @param {{start: number, header: number, cells: number, pointers: number, isLeaf: boolean, isIndex: boolean}} page
   * @param {number} cell
   */
  _cellAt(page, cell) {
    const at = this._view.getUint16(page.pointers + 2 * cell);
    if (at + 4 > this._usableBytes) throw this.damaged("a cell lies outside its page");
    return page.start + at;
  }

  /**
   * @param {{start: number, header: number, cells: number, pointers: number, isLeaf: boolean, isIndex: boolean}} page
   * @param {number} cell The last child is that of the cell after the last.
   */
  _child(page, cell) {
    return this._view.getUint32(cell === page.cells ? page.header + 8 : this._cellAt(page, cell));
  }

  /**
   * @param {{start: number, header: number, cells: number, pointers: number, isLeaf: boolean, isIndex: boolean}} page
   * @param {number} cell Of a table.
   */
  _rowIdOf(page, cell) {
    const at = this._cellAt(page, cell);
    return this._varint(this._data, page.isLeaf ? this._varint(this._data, at)[1] : at + 4)[0];
  }

  /**
   * @param {{start: number, header: number, cells: number, pointers: number, isLeaf: boolean, isIndex: boolean}} page
   * @param {number} cell
   * @returns {[number, Uint8Array]} Row id (0 without) and record.
   */
  _cell(page, cell) {
    const start = this._cellAt(page, cell) + (page.isLeaf ? 0 : 4);
    const [length, afterLength] = this._varint(this._data, start);
    const [rowId, at] = page.isIndex ? [0, afterLength] : this._varint(this._data, afterLength);
    if (length > this._maxRowBytes) throw this.damaged(`a row of ${length} bytes, more than ${this._maxRowBytes}`);
    return [rowId, this._payload(at, length, page.start + this._usableBytes, page.isIndex)];
  }

  /**
   * Return a record, joined from its overflow pages.
   *
   * @param {number} at
   * @param {number} length
   * @param {number} pageEnd
   * @param {boolean} isIndex
   */
  _payload(at, length, pageEnd, isIndex) {
    const usable = this._usableBytes;
    const most = isIndex ? Math.floor(((usable - 12) * 64) / 255) - 23 : usable - 35;
    const least = Math.floor(((usable - 12) * 32) / 255) - 23;
    const surplus = least + ((length - least) % (usable - 4));
    const here = length <= most ? length : surplus <= most ? surplus : least;
    if (at + here + (here < length ? 4 : 0) > pageEnd) throw this.damaged("a row lies outside its page");
    if (here === length) return this._data.subarray(at, at + length);
    const record = new Uint8Array(length);
    record.set(this._data.subarray(at, at + here));
    let [filled, next] = [here, this._view.getUint32(at + here)];
    while (filled < length) {
      if (next < 1 || next > this._pageCount) throw this.damaged(`it has no page ${next}`);
      const start = (next - 1) * this._pageBytes;
      const part = Math.min(usable - 4, length - filled);
      record.set(this._data.subarray(start + 4, start + 4 + part), filled);
      filled += part;
      next = this._view.getUint32(start);
    }
    return record;
  }

  /**
   * @param {Uint8Array} record
   * @param {number} most Number of columns to read; further ones are ignored.
   * @returns {Value[]}
   */
  _values(record, most) {
    const view = new DataView(record.buffer, record.byteOffset, record.byteLength);
    const [headerBytes, first] = this._varint(record, 0);
    if (headerBytes > record.length) throw this.damaged("a row ends within its header");
    let [headerAt, at] = [first, headerBytes];
    /** @type {Value[]} */
    const values = [];
    while (headerAt < headerBytes && values.length < most) {
      const [type, next] = this._varint(record, headerAt);
      const length = lengthOf(type);
      if (at + length > record.length) throw this.damaged("a row ends within a value");
      values.push(this._value(view, record, at, type, length));
      headerAt = next;
      at += length;
    }
    return values;
  }

  /**
   * @param {DataView} view
   * @param {Uint8Array} record
   * @param {number} at
   * @param {number} type
   * @param {number} length
   * @returns {Value}
   */
  _value(view, record, at, type, length) {
    if (type === 0) return null;
    if (type === 8 || type === 9) return type - 8;
    if (type === 7) return view.getFloat64(at);
    if (type <= 6) return wholeNumber(view, at, length);
    const bytes = record.subarray(at, at + length);
    if (type % 2 === 0) return bytes;
    try {
      return this._text.decode(bytes);
    } catch (error) {
      throw this.damaged("a text is not UTF-8");
    }
  }

  /**
   * @param {Uint8Array} data
   * @param {number} at
   * @returns {[number, number]} The number, and the position after it.
   */
  _varint(data, at) {
    let value = 0;
    for (let count = 0; count < 9; count++) {
      if (at + count >= data.length) break;
      const byte = data[at + count];
      if (count === 8) return [toSigned(value * 256 + byte), at + 9];
      value = value * 128 + (byte & 127);
      if (byte < 128) return [value, at + count + 1];
    }
    throw this.damaged("it ends within a number");
  }
}

/**
 * Return what a CREATE TABLE statement says of the columns.
 *
 * @param {string} sql
 * @param {number} root
 * @returns {Table}
 */
function tableOf(sql, root) {
  const plain = sql.replace(/--[^\n]*/g, " ").replace(/\/\*[\s\S]*?\*\//g, " ");
  const [open, close] = [plain.indexOf("("), plain.lastIndexOf(")")];
  const isWithoutRowId = /WITHOUT\s+ROWID/i.test(plain.slice(close));
  const definitions = definitionsIn(plain.slice(open + 1, close));
  const columns = definitions.map((each) => (/^["'`[]?([^\s"'`\]]+)/.exec(each)?.[1] ?? ""));
  const key = definitions.findIndex((each) => /PRIMARY\s+KEY/i.test(each));
  const rowId = definitions.findIndex((each) => !isWithoutRowId && /^\S+\s+INTEGER\s+PRIMARY\s+KEY/i.test(each));
  // A table without row ids stores its key first.
  const order = columns.map((_, at) => at).sort((one, other) => rank(one) - rank(other));
  /** @param {number} at */
  function rank(at) {
    return isWithoutRowId && at === key ? -1 : at;
  }
  return { root, columns, stored: columns.map((_, at) => order.indexOf(at)), rowId, isWithoutRowId };
}

/**
 * Return the definitions between the brackets, split at the commas that are in no brackets; without table constraints.
 *
 * @param {string} inner
 */
function definitionsIn(inner) {
  let depth = 0;
  const parts = [""];
  for (const sign of inner) {
    if (sign === "(") depth++;
    if (sign === ")") depth--;
    if (sign === "," && depth === 0) parts.push("");
    else parts[parts.length - 1] += sign;
  }
  const isConstraint = /^(CONSTRAINT|PRIMARY|UNIQUE|CHECK|FOREIGN)\b/i;
  return parts.map((part) => part.trim()).filter((part) => part && !isConstraint.test(part));
}

/** @param {number} type */
function lengthOf(type) {
  if (type >= 12) return Math.floor((type - 12) / 2);
  return [0, 1, 2, 3, 4, 6, 8, 8, 0, 0, Infinity, Infinity][type];
}

/**
 * @param {DataView} view
 * @param {number} at
 * @param {number} length
 */
function wholeNumber(view, at, length) {
  let value = view.getInt8(at);
  for (let byte = 1; byte < length; byte++) value = value * 256 + view.getUint8(at + byte);
  return value;
}

/** @param {number} value An unsigned 64-bit number, rounded. */
function toSigned(value) {
  return value >= 2 ** 63 ? value - 2 ** 64 : value;
}

/**
 * Return the first whole number from 0 to `count` for which a rising condition holds; `count` if there is none.
 *
 * @param {number} count
 * @param {(at: number) => boolean} holds
 */
function firstFrom(count, holds) {
  let [low, high] = [0, count];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/**
 * @param {Uint8Array} one
 * @param {Uint8Array} other
 */
function compareBytes(one, other) {
  const length = Math.min(one.length, other.length);
  for (let at = 0; at < length; at++) if (one[at] !== other[at]) return one[at] - other[at];
  return one.length - other.length;
}

/** @param {Value} name */
function shown(name) {
  return JSON.stringify(String(name).slice(0, 60));
}
