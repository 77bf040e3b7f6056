import { randomInt, type KeyObject } from 'node:crypto';
import {
  MeshError,
  stderrLogger,
  systemClock,
  type Clock,
  type ClockTimer,
  type IdentityMaterial,
  type IdentitySource,
  type Logger,
} from '@lemur-bookstores/mesh-interface';
import { newKeyPair, type CertificateAuthority } from './certificate-authority.js';
import { KeysDirectory } from './keys-directory.js';
import { loadLocalAuthority } from './local-authority.js';
import { assertServiceId, serviceSpiffeId } from './service-spiffe-id.js';

/** The local trust domain for one service. */
export interface LocalTrustDomainOptions {
  /** `[A-Za-z0-9][A-Za-z0-9._-]{0,62}` */
  readonly serviceId: string;
  /** Where the CA is: a folder of this user alone (0700). Made if need be. See `defaultKeysDir`. */
  readonly keysDir: string;
  /** Default: the machine's clock. */
  readonly clock?: Clock;
  /** Default: warnings to stderr. */
  readonly logger?: Logger;
}

const LEAF_LIFE_MS = 24 * 3_600_000;

/** Renewed at 60 % of its life, give or take 5 %: processes that started together do not renew together. */
const RENEW_AT_PERCENT = 60;
const JITTER_PERCENT = 5;

/** The wall clock may jump either way, and no timer tells: it is looked at this often, in ms. */
const LOOK_EVERY_MS = 60_000;

interface Issued {
  readonly material: IdentityMaterial;
  readonly notBefore: number;
  readonly renewAt: number;
}

interface Listener {
  readonly onChange: (material: IdentityMaterial) => void;
  readonly onError: (error: Error) => void;
}

/**
 * The identity of services that were given none (PROTOCOL 6.2): a CA in the user's own folder, a key that never leaves this
 * process, a certificate of 24 hours. It tells this user on this file system from everybody else, and no more: any process of the
 * same user can take any id in it.
 */
export class LocalTrustDomain implements IdentitySource {
  readonly local = true;
  readonly #serviceId: string;
  readonly #directory: KeysDirectory;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #listeners = new Set<Listener>();
  #loading: Promise<Issued> | undefined;
  #authority: CertificateAuthority | undefined;
  #keys: { readonly publicKey: KeyObject; readonly privateKey: KeyObject } | undefined;
  #issued: Issued | undefined;
  #timer: ClockTimer | undefined;

  /** Touches no file. @throws MeshError `invalid_option` */
  constructor({ serviceId, keysDir, clock = systemClock, logger = stderrLogger }: LocalTrustDomainOptions) {
    assertServiceId(serviceId);
    this.#serviceId = serviceId;
    this.#directory = new KeysDirectory(keysDir);
    this.#clock = clock;
    this.#logger = logger;
  }

  /** `local-<16 hex digits of the CA key's hash>`; `undefined` before {@link load}. */
  get trustDomain(): string | undefined {
    return this.#authority?.trustDomain;
  }

  /** Makes or reads the CA, and issues the certificate. @throws MeshError `keys_dir_unsafe` or `identity_invalid` */
  async load(): Promise<IdentityMaterial> {
    this.#loading ??= this.#issueFirst();
    try {
      await this.#loading;
    } catch (error) {
      // What an operator mends can be tried again.
      this.#loading = undefined;
      throw error;
    }
    // Not the first one any more where it was renewed since.
    return (this.#issued ?? (await this.#loading)).material;
  }

  /** Renews the certificate in time, with the same key, and after jumps of the wall clock. */
  watch(onChange: (material: IdentityMaterial) => void, onError: (error: Error) => void): () => void {
    const listener = { onChange, onError };
    this.#listeners.add(listener);
    if (this.#timer === undefined) this.#lookLater();
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size > 0) return;
      this.#timer?.cancel();
      this.#timer = undefined;
    };
  }

  async #issueFirst(): Promise<Issued> {
    this.#authority = await loadLocalAuthority(this.#directory, this.#clock);
    this.#keys = newKeyPair('ed25519');
    return this.#issue(this.#authority, this.#keys);
  }

  #issue(authority: CertificateAuthority, { publicKey, privateKey }: { publicKey: KeyObject; privateKey: KeyObject }): Issued {
    const { trustDomain, certificate } = authority;
    const id = serviceSpiffeId(trustDomain, { serviceId: this.#serviceId });
    const { der, notBefore, notAfter } = authority.issueCertificate(id, publicKey, LEAF_LIFE_MS);
    const percent = RENEW_AT_PERCENT + randomInt(-JITTER_PERCENT * 100, JITTER_PERCENT * 100 + 1) / 100;
    const material = { id, trustDomain, chain: [der], privateKey, trustBundle: [certificate] };
    this.#issued = { material, notBefore, renewAt: notBefore + ((notAfter - notBefore) * percent) / 100 };
    return this.#issued;
  }

  #lookLater(): void {
    this.#timer = this.#clock.setTimeout(() => {
      this.#lookLater();
      this.#renewIfDue();
    }, LOOK_EVERY_MS);
  }

  #renewIfDue(): void {
    const [authority, keys, issued] = [this.#authority, this.#keys, this.#issued];
    if (authority === undefined || keys === undefined || issued === undefined) return;
    const now = this.#clock.now();
    if (now >= issued.notBefore && now < issued.renewAt) return;
    try {
      const { material } = this.#issue(authority, keys);
      this.#logger.debug('local trust domain: certificate renewed', { id: material.id });
      for (const { onChange } of [...this.#listeners]) onChange(material);
    } catch (error) {
      for (const { onError } of [...this.#listeners]) onError(MeshError.from(error));
    }
  }
}

/** The local trust domain as a service's identity. Touches no file until it is loaded. @throws MeshError `invalid_option` */
export function localTrustDomain(options: LocalTrustDomainOptions): LocalTrustDomain {
  return new LocalTrustDomain(options);
}
