// node sharp.js NODE_MODULES OPTIONS SIZE < original > result
// The finest result of sharp that has at most SIZE bytes; to stderr the CPU seconds of its encode.
const [folder, options, size] = process.argv.slice(2);
const sharp = require(`${folder}/sharp`);
const { format, ...way } = JSON.parse(options);
const original = require("fs").readFileSync(0);
sharp.concurrency(1);

async function finest(setting, low, high) {
  let best = null;
  while (low <= high) {
    const value = (low + high) >> 1;
    const started = process.cpuUsage();
    const image = sharp(original).autoOrient().toFormat(format, { ...way, [setting]: value });
    const content = await image.toBuffer();
    const { user, system } = process.cpuUsage(started);
    if (content.length <= size) {
      best = { content, seconds: (user + system) / 1e6 };
      low = value + 1;
    } else high = value - 1;
  }
  return best;
}

finest(...(format === "png" ? ["colours", 2, 256] : ["quality", 1, 100])).then((best) => {
  if (!best) return;
  process.stdout.write(best.content);
  process.stderr.write(String(best.seconds));
});
