// The shop on Express with express-session and connect-redis, or without sessions.
import express from "express";
import session from "express-session";
import { RedisStore } from "connect-redis";
import { createClient } from "redis";

const items = { small: 8, large: 400 };
const count = (found) => (found ? { items: found.items.length, changes: found.changes } : { items: 0, changes: 0 });
const shop = express();
shop.disable("x-powered-by");
shop.disable("etag");
shop.get("/plain", (request, response) => response.json(count()));

if (process.env.SOJOURN_BENCH_VARIANT === "express") {
  const client = createClient({ url: process.env.SOJOURN_BENCH_STORE });
  await client.connect();
  shop.use(session({ store: new RedisStore({ client, ttl: 1800 }), secret: "bench", resave: false, saveUninitialized: false }));
}

shop.get("/:size", (request, response) => response.json(count(request.session?.cart)));
shop.post("/:size", (request, response) => {
  const fresh = () => ({
    items: Array.from({ length: items[request.params.size] }, (_, n) => ({ sku: `sku-${n}`, quantity: n, price: 9.5 })),
    changes: 0,
  });
  const found = request.session?.cart ?? fresh();
  found.changes += 1;
  if (request.session) request.session.cart = found;
  response.json(count(found));
});
shop.listen(Number(process.argv[2]), "127.0.0.1");
