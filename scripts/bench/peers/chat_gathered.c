// chat_gathered: the same as chat, but for when it sends: what is said in one turn of the loop goes out in one send() for each
// user, as in select11.

#define GATHERED true
#include "chat.c"
