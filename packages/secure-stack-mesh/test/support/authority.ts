import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { CertificateAuthority, writeIdentityFiles } from '@lemur-bookstores/mesh-ca';
import { FakeClock, type IdentityFiles, type IdentityMaterial } from '@lemur-bookstores/mesh-interface';

/** Life of a certificate. */
export interface Life {
  /** From when on it counts, relative to now, in ms. Default 0. */
  readonly issuedInMs?: number;
  /** In ms. Default a day. */
  readonly ttlMs?: number;
}

/** A trust domain of its own, and the identities in it. */
export class TestAuthority {
  readonly trustDomain: string;
  readonly #ca: CertificateAuthority;
  readonly #folder: string;

  constructor(folder: string, trustDomain = 'mesh.test') {
    this.trustDomain = trustDomain;
    this.#folder = folder;
    // Made long ago, so that certificates of the past are within its own life.
    this.#ca = CertificateAuthority.create({ trustDomain, clock: new FakeClock(Date.now() - 30 * 86_400_000) });
  }

  get certPem(): string {
    return this.#ca.certPem;
  }

  get keyPem(): string {
    return this.#ca.keyPem;
  }

  /** DER. */
  get certificate(): Buffer {
    return this.#ca.certificate;
  }

  /** Files as an operator would have them. @param folder where; default: a new one */
  files(serviceId: string, life: Life = {}, folder = mkdtempSync(join(this.#folder, `${serviceId}-`))): Promise<IdentityFiles> {
    return writeIdentityFiles(folder, this.#issue(serviceId, life));
  }

  /** Material as a service holds it; also such as no honest service would load. */
  material(serviceId: string, life: Life = {}): IdentityMaterial {
    const issued = this.#issue(serviceId, life);
    return {
      id: issued.id,
      trustDomain: this.trustDomain,
      chain: [new X509Certificate(issued.certPem).raw],
      privateKey: createPrivateKey(issued.keyPem as string),
      trustBundle: [this.#ca.certificate],
    };
  }

  #issue(serviceId: string, { issuedInMs = 0, ttlMs = 86_400_000 }: Life): ReturnType<CertificateAuthority['issue']> {
    const clock = new FakeClock(Date.now() + issuedInMs);
    return CertificateAuthority.load({ certPem: this.#ca.certPem, keyPem: this.#ca.keyPem, clock }).issue({ serviceId, ttlMs });
  }
}
