import { generate } from 'selfsigned';

/** A private key and its certificate (or chain of certificates), both PEM. */
export type KeyPair = { readonly key: string; readonly cert: string };

/** A certificate authority of its own. */
export async function newAuthority(): Promise<KeyPair> {
  const pems = await generate([{ name: 'commonName', value: `kubernetes-simulator-ca-${Date.now()}` }], {
    keyType: 'ec',
    algorithm: 'sha256',
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  });
  return { key: pems.private, cert: pems.cert };
}

/** What a server on loopback serves: its own certificate, and behind it that of its authority. */
export async function servingCertificate(authority: KeyPair): Promise<KeyPair> {
  const pems = await generate([{ name: 'commonName', value: 'kubernetes-simulator' }], {
    keyType: 'ec',
    algorithm: 'sha256',
    ca: authority,
    extensions: [
      { name: 'basicConstraints', cA: false },
      { name: 'keyUsage', digitalSignature: true },
      { name: 'extKeyUsage', serverAuth: true },
      {
        name: 'subjectAltName',
        altNames: [
          { type: 2, value: 'localhost' },
          { type: 2, value: 'kubernetes.default.svc' },
          { type: 7, ip: '127.0.0.1' },
        ],
      },
    ],
  });
  return { key: pems.private, cert: `${pems.cert.trimEnd()}\n${authority.cert}` };
}
