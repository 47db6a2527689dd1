const request = require("request");

request.get(
  {
    url: "https://<my_api_endpoint>/api/v1/datasets",
    headers: {
      Authorization: "Bearer " + process.env.REINFER_TOKEN,
    },
  },
  function (error, response, json) {
    // digest response
    console.log(JSON.stringify(json, null, 2));
  }
);
