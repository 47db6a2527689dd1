// A program as somebody would write it: uploads a comment, and exports a dataset page by page, by Node's own fetch.
const endpoint = process.env.REINFER_ENDPOINT;
const headers = {
  Authorization: `Bearer ${process.env.REINFER_TOKEN}`,
  "Content-Type": "application/json",
};

async function post(path, body) {
  const response = await fetch(endpoint + path, { method: "POST", headers, body: JSON.stringify(body) });
  const answer = await response.json();
  if (!response.ok) throw new Error(`${response.status}: ${answer.message}`);
  return answer;
}

async function* exported(dataset) {
  const body = { limit: 40 };
  do {
    const page = await post(`/api/v1/datasets/${dataset}/export`, body);
    yield* page.comments;
    body.continuation = page.continuation;
  } while (body.continuation);
}

const [dataset, source] = process.argv.slice(2);
const comment = {
  id: "from-node",
  timestamp: "2030-01-01T00:00:00Z",
  messages: [{ body: { text: "Grüße aus Node 👋" } }],
};
try {
  await post(`/api/v1/sources/${source}/sync`, { comments: [comment] });
  const uids = [];
  let last;
  for await (const entry of exported(dataset)) {
    uids.push(entry.comment.uid);
    last = entry.comment.messages[0].body.text;
  }
  console.log(JSON.stringify({ uids, last }));
} catch (error) {
  console.log(JSON.stringify({ error: error.cause?.code ?? error.message }));
}
