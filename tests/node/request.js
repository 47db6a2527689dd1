// As much of the package "request" as the documented samples use, which is deprecated and so not installed for them:
// request.METHOD({ url, headers, json, body }, function (error, response, body) {}). With json the body is sent and
// read as JSON; without it the body is the text that came.
const clients = { "http:": require("node:http"), "https:": require("node:https") };

function send(method, options, callback) {
  const url = new URL(options.url);
  const headers = { ...options.headers };
  const body = options.json && options.body !== undefined ? JSON.stringify(options.body) : undefined;
  if (options.json) headers.accept = "application/json";
  if (body !== undefined) {
    headers["content-type"] = "application/json";
    headers["content-length"] = Buffer.byteLength(body);
  }
  const asked = clients[url.protocol].request(url, { method, headers }, (response) => {
    const parts = [];
    response.on("data", (part) => parts.push(part));
    response.on("end", () => {
      const text = Buffer.concat(parts).toString();
      callback(null, response, options.json ? JSON.parse(text) : text);
    });
  });
  asked.on("error", (error) => callback(error));
  asked.end(body);
}

for (const method of ["get", "put", "post", "delete"]) {
  exports[method] = (options, callback) => send(method.toUpperCase(), options, callback);
}
