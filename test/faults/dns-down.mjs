// Loaded before the program: names are resolved for two seconds from the first one, then not for a minute, then again. Connections that
// are open stay so; the simulated AWS closes those that are idle after five seconds.
import dns from 'node:dns';

let firstAt;
const isDown = () => Date.now() - firstAt > 2_000 && Date.now() - firstAt < 62_000;
const lookup = dns.lookup;
dns.lookup = (name, options, callback = options) => {
  firstAt ??= Date.now();
  if (!isDown()) return lookup(name.endsWith('.simulated') ? '127.0.0.1' : name, options, callback);
  const error = Object.assign(new Error(`getaddrinfo EAI_AGAIN ${name}`), {
    code: 'EAI_AGAIN',
    syscall: 'getaddrinfo',
  });
  process.nextTick(callback, error);
};
