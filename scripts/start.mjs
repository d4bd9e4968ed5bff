// Builds everything and shows it: the host shell with the Premium App inside, on a stand-in cloud. Serves until Ctrl-C.
import { build } from "./build.mjs";
import { buildCloud } from "./cloud.mjs";
import { mustBeFree, portsFrom } from "./ports.mjs";
import { ENDINGS, asCommand } from "./process.mjs";

asCommand(import.meta, async () => {
  const ports = portsFrom(process.env.PORT);
  await mustBeFree(Object.values(ports));
  await build();
  await buildCloud();
  const { serve } = await import("./serve.mjs");
  // Listened for before there is a server, so that a signal at any moment leaves none behind.
  const stopped = new Promise((resolve) => ENDINGS.forEach((signal) => process.once(signal, resolve)));
  const servers = await serve({ port: ports.apps, quiet: false });
  console.log(`ready  ${servers.url}`);
  try {
    await Promise.race([stopped, servers.died]);
  } finally {
    await servers.close();
  }
  process.exit(0);
});
