// Loaded before the program: names are resolved for the first two seconds, then not for a minute, then again. Connections that
// are open stay so; the simulated AWS closes those that are idle after five seconds.
import dns from 'node:dns';

const startedAt = Date.now();
const isDown = () => Date.now() - startedAt > 2_000 && Date.now() - startedAt < 62_000;
const lookup = dns.lookup;
dns.lookup = (name, options, callback = options) => {
  if (!isDown()) return lookup(name.endsWith('.simulated') ? '127.0.0.1' : name, options, callback);
  const error = Object.assign(new Error(`getaddrinfo EAI_AGAIN ${name}`), {
    code: 'EAI_AGAIN',
    syscall: 'getaddrinfo',
  });
  process.nextTick(callback, error);
};
