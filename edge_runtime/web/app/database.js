// @ts-check
/** The small facts that the app keeps, in IndexedDB: which pack versions are active, the history, and whose signatures count. Changes are atomic. */

const NAME = "edge-identify";
const VERSION = 1;

/** @type {Promise<IDBDatabase> | null} */
let opened = null;

/** @returns {Promise<IDBDatabase>} */
function database() {
  opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, VERSION);
    request.onupgradeneeded = () => {
      request.result.createObjectStore("packs", { keyPath: "name" });
      request.result.createObjectStore("history", { keyPath: "id" });
      request.result.createObjectStore("trust", { keyPath: "server" });
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  return opened;
}

/**
 * @template Result
 * @param {"packs" | "history" | "trust"} store
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

/** @param {"packs" | "history" | "trust"} store @returns {Promise<any[]>} */
export const allOf = (store) => within(store, "readonly", (objects) => objects.getAll());

/** @param {"packs" | "history" | "trust"} store @param {IDBValidKey} key @returns {Promise<any>} */
export const oneOf = (store, key) => within(store, "readonly", (objects) => objects.get(key));

/** @param {"packs" | "history" | "trust"} store @param {object} value */
export const keep = (store, value) => within(store, "readwrite", (objects) => objects.put(value));

/** @param {"packs" | "history" | "trust"} store @param {IDBValidKey} key */
export const remove = (store, key) => within(store, "readwrite", (objects) => objects.delete(key));

/** @param {"packs" | "history" | "trust"} store */
export const removeAll = (store) => within(store, "readwrite", (objects) => objects.clear());
