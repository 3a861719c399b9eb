import { request } from 'node:https';
import type { KubeConfig } from '@kubernetes/client-node';

/** Creates an object with fields that the generated client does not know, and would drop. @throws unless it is created */
export async function createRaw(config: KubeConfig, path: string, body: object): Promise<void> {
  const options = { method: 'POST', headers: { 'content-type': 'application/json' } };
  await config.applyToHTTPSOptions(options);
  const text = JSON.stringify(body);
  await new Promise<void>((resolve, reject) => {
    const sent = request(`${config.getCurrentCluster()?.server}${path}`, options, (response) => {
      response.resume();
      if (response.statusCode === 201) resolve();
      else reject(new Error(`POST ${path}: ${response.statusCode}`));
    });
    sent.on('error', reject).end(text);
  });
}
