// A buffer that grows, for the C servers that keep some.

struct buffer {
  char *bytes;
  size_t length;
  size_t capacity;
};

/** Makes room for so many bytes more. */
static void reserve(struct buffer *buffer, size_t more) {
  if (buffer->length + more <= buffer->capacity) return;
  buffer->capacity = 2 * buffer->length + more;
  buffer->bytes = must(realloc(buffer->bytes, buffer->capacity));
}

static void append(struct buffer *buffer, const char *bytes, size_t length) {
  reserve(buffer, length);
  memcpy(buffer->bytes + buffer->length, bytes, length);
  buffer->length += length;
}

/** Takes so many bytes away from the front. */
static void consume(struct buffer *buffer, size_t length) {
  buffer->length -= length;
  memmove(buffer->bytes, buffer->bytes + length, buffer->length);
}
