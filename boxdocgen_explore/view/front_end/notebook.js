// A rendered notebook: draws each explorer's view, and hides its snapshot once it is drawn.

const { specs, views } = JSON.parse(document.getElementById("boxdocgen-views").textContent);
views.forEach(async ({ payload, ...values }, place) => {
  const root = document.getElementById(`boxdocgen-view-${place}`);
  await mount(root, { ...values, specs }, payload);
  root.closest(".cell").classList.add("drawn");
});
