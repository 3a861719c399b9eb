import { generate } from 'selfsigned';

export type Certificate = { readonly key: string; readonly cert: string };

type CertificateOptions = { readonly commonName?: string; readonly dnsName?: string; readonly notAfter?: Date };

type CertificateAuthority = {
  /** PEM */
  readonly ca: string;
  /** A certificate for servers and clients, by default for loopback. */
  issue(options?: CertificateOptions): Promise<Certificate>;
};

const KEYS = { keyType: 'ec', algorithm: 'sha256' } as const;
const LOOPBACK = { type: 7, ip: '127.0.0.1' } as const;

/** A new certificate authority. All have the same name and different keys. */
export async function createCertificateAuthority(): Promise<CertificateAuthority> {
  const root = await generate([{ name: 'commonName', value: 'kubernetes' }], {
    ...KEYS,
    extensions: [
      { name: 'basicConstraints', cA: true },
      { name: 'keyUsage', digitalSignature: true, keyCertSign: true },
    ],
  });
  return {
    ca: root.cert,
    async issue({ commonName = 'kube-apiserver', dnsName = 'localhost', notAfter } = {}) {
      const addresses = dnsName === 'localhost' ? [LOOPBACK] : [];
      const pems = await generate([{ name: 'commonName', value: commonName }], {
        ...KEYS,
        ca: { key: root.private, cert: root.cert },
        ...(notAfter !== undefined && {
          notBeforeDate: new Date(notAfter.getTime() - 60_000),
          notAfterDate: notAfter,
        }),
        extensions: [
          { name: 'basicConstraints', cA: false },
          { name: 'keyUsage', digitalSignature: true },
          { name: 'extKeyUsage', serverAuth: true, clientAuth: true },
          { name: 'subjectAltName', altNames: [{ type: 2, value: dnsName }, ...addresses] },
        ],
      });
      return { key: pems.private, cert: pems.cert };
    },
  };
}
