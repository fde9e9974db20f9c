/** A page that connects back by WebSocket. It shows each message that arrives, and sends each line that you type. */
export const page = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>async-comparisons</title>
<link rel="icon" href="data:,">
<style>
  body, input { font: 1rem monospace; }
  pre { white-space: pre-wrap; }
  input { width: 100%; box-sizing: border-box; }
</style>
<pre></pre>
<form><input disabled autocomplete="off" placeholder="HELP"></form>
<script>
  const show = (line) => document.querySelector('pre').append(line, '\\n');
  const input = document.querySelector('input');
  const socket = new WebSocket(location.href.replace('http', 'ws'));
  socket.onopen = () => {
    input.disabled = false;
    input.focus();
  };
  socket.onmessage = ({ data }) => show(data);
  socket.onclose = ({ code, reason }) => {
    input.disabled = true;
    show('* closed: ' + code + ' ' + reason);
  };
  document.querySelector('form').onsubmit = (event) => {
    event.preventDefault();
    show('> ' + input.value);
    socket.send(input.value);
    input.value = '';
    input.scrollIntoView();
  };
</script>
`;
