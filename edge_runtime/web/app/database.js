// @ts-check
/** The small facts that the app keeps, in IndexedDB: which pack versions are active, the history, what was taught, and whose signatures count. Changes are atomic. */

const NAME = "edge-identify";
const VERSION = 2;

/** @typedef {"packs" | "history" | "trust" | "taught"} Store */

/** @type {Promise<IDBDatabase> | null} */
let opened = null;

/** @returns {Promise<IDBDatabase>} */
function database() {
  opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, VERSION);
    request.onupgradeneeded = ({ oldVersion }) => {
      if (oldVersion < 1) {
        request.result.createObjectStore("packs", { keyPath: "name" });
        request.result.createObjectStore("history", { keyPath: "id" });
        request.result.createObjectStore("trust", { keyPath: "server" });
      }
      if (oldVersion < 2) request.result.createObjectStore("taught", { keyPath: "id" });
    };
    request.onsuccess = () => {
      request.result.onversionchange = () => { // a newer version of the app, in another tab, waits for this
        request.result.close();
        opened = null;
      };
      resolve(request.result);
    };
    request.onerror = () => reject(request.error);
  });
  return opened;
}

/**
 * @template Result
 * @param {Store} store
 * @param {IDBTransactionMode} mode
 * @param {(store: IDBObjectStore) => IDBRequest<Result>} work
 * @returns {Promise<Result>} After the transaction is complete.
 */
async function within(store, mode, work) {
  const transaction = (await database()).transaction(store, mode, { durability: "strict" });
  const request = work(transaction.objectStore(store));
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve(request.result);
    transaction.onabort = transaction.onerror = () => reject(transaction.error ?? request.error);
  });
}

/** @param {Store} store @returns {Promise<any[]>} */
export const allOf = (store) => within(store, "readonly", (objects) => objects.getAll());

/** @param {Store} store @param {IDBValidKey} key @returns {Promise<any>} */
export const oneOf = (store, key) => within(store, "readonly", (objects) => objects.get(key));

/** @param {Store} store @param {object} value */
export const keep = (store, value) => within(store, "readwrite", (objects) => objects.put(value));

/** @param {Store} store @param {IDBValidKey} key */
export const remove = (store, key) => within(store, "readwrite", (objects) => objects.delete(key));

/** @param {Store} store */
export const removeAll = (store) => within(store, "readwrite", (objects) => objects.clear());
