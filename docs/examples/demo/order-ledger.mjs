/**
 * Puts what the callers were told of their orders beside what payment did about them, order by order. It remembers only those that do not
 * agree, or do not yet: one side may be heard before the other.
 */
export class OrderLedger {
  /** How many were charged, for all that payment says. */
  charged = 0;
  /** How many reached payment while its database was down. */
  declined = 0;
  /** Id → charges that payment made, less receipts that callers got. */
  #charges = new Map();
  /** Id → refusals of payment, less those that callers heard of. */
  #refusals = new Map();
  /** Failed, and nobody told the callers whether they were charged. */
  #unknown = new Set();

  /** Payment says. */
  takePayments({ charged, declined }) {
    this.charged += charged.length;
    this.declined += declined.length;
    for (const id of charged) add(this.#charges, id, 1);
    for (const id of declined) add(this.#refusals, id, 1);
  }

  /** The callers say. */
  takeOrders({ charged, declined, unknown }) {
    for (const id of charged) add(this.#charges, id, -1);
    for (const id of declined) add(this.#refusals, id, -1);
    for (const id of unknown) this.#unknown.add(id);
  }

  /** Once all have closed: orders that were charged although nobody got a receipt; each of them failed, and may have run. */
  get chargedUnheard() {
    return [...this.#charges].filter(([id, count]) => count === 1 && this.#unknown.has(id)).length;
  }

  /** Once all have closed: orders charged twice, charged though their callers were told that they did not run, or not charged at all for their receipt. */
  get wrong() {
    return this.#charges.size - this.chargedUnheard;
  }

  /** Once all have closed: orders that reached payment in vain, or did not, other than their callers heard. */
  get wronglyDeclined() {
    return this.#refusals.size;
  }
}

function add(balances, id, change) {
  const balance = (balances.get(id) ?? 0) + change;
  if (balance === 0) balances.delete(id);
  else balances.set(id, balance);
}
