/** What reached payment, by the ids of the orders: the demo puts it beside what the callers were told. */
export class PaymentLedger {
  #taken = { charged: [], declined: [] };

  charged(id) {
    this.#taken.charged.push(id);
  }

  declined(id) {
    this.#taken.declined.push(id);
  }

  /** What came since the last time. */
  take() {
    const taken = this.#taken;
    this.#taken = { charged: [], declined: [] };
    return taken;
  }
}
