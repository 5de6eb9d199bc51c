// Batches run side by side; what must not be disturbed runs alone.
export class Gate {
  #running = 0;
  #alone = 0;
  #waiting = [];

  /** Runs beside others of its kind, but not while something runs, or waits to run, alone. */
  async shared(task) {
    while (this.#alone > 0) await this.#change();
    this.#running++;
    try {
      return await task();
    } finally {
      this.#running--;
      this.#tell();
    }
  }

  async alone(task) {
    this.#alone++;
    while (this.#running > 0) await this.#change();
    this.#running++;
    try {
      return await task();
    } finally {
      this.#running--;
      this.#alone--;
      this.#tell();
    }
  }

  #change() {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #tell() {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
