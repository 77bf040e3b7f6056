import type { IdentityMaterial, IdentitySource } from '@lemur-bookstores/mesh-interface';

/** A source a test drives. */
export class ScriptedSource implements IdentitySource {
  loads = 0;
  watchers = 0;
  failure: Error | undefined;
  watchFailure: Error | undefined;
  #material: IdentityMaterial;
  #onChange: (material: IdentityMaterial) => void = () => undefined;
  #onError: (error: Error) => void = () => undefined;

  constructor(material: IdentityMaterial) {
    this.#material = material;
  }

  async load(): Promise<IdentityMaterial> {
    this.loads++;
    await Promise.resolve();
    if (this.failure !== undefined) throw this.failure;
    return this.#material;
  }

  watch(onChange: (material: IdentityMaterial) => void, onError: (error: Error) => void): () => void {
    if (this.watchFailure !== undefined) throw this.watchFailure;
    this.watchers++;
    [this.#onChange, this.#onError] = [onChange, onError];
    return () => void this.watchers--;
  }

  change(material: IdentityMaterial): void {
    this.#onChange(material);
  }

  refuse(error: Error): void {
    this.#onError(error);
  }
}
