/** How long Redis keeps a name that is not renewed, in milliseconds. */
export const LEASE = 10_000;

/**
 * What Redis does for a room, in Lua. Redis runs one script at a time, to its end, so no other command runs between two lines of
 * a script. All subscribers receive what the scripts publish, in one order.
 *
 * | key               | what                                                                              |
 * | ----------------- | --------------------------------------------------------------------------------- |
 * | `chat:name:alice` | the user who has this name, for as long as the lease lasts                        |
 * | `chat:users`      | a sorted set: all users, by the order in which they joined                        |
 * | `chat:names`      | a hash: the name of each user                                                     |
 * | `chat:count`      | the number of the last guest                                                      |
 *
 * Arguments: what to do, until when (Redis's clock, in milliseconds), the channel, the number of the question, the user, and
 * more. The script returns a text if it can't do it. Otherwise it publishes `NUMBER KIND USER NAME MORE` to all processes, or, if
 * the answer concerns the user alone, to the user's process.
 *
 * @see https://redis.io/docs/latest/develop/programmability/eval-intro/
 */
export const SCRIPT = `
local what, deadline, channel, number, user, more = unpack(ARGV, 1, 6)
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function key(name)
  return 'chat:name:' .. string.lower(name)
end

local function publish(number, kind, user, name, more, where)
  redis.call('PUBLISH', where or channel, table.concat({ number, kind, user, name, more or '' }, ' '))
end

-- The channel of the process that a user is connected to.
local function processOf(user)
  return channel .. ':' .. string.match(user, '^%w+')
end

local function nameOf(user)
  return redis.call('HGET', 'chat:names', user)
end

-- Of two users who claim a name at the same instant, the first one gets it: NX.
local function claim(name, user)
  return redis.call('SET', key(name), user, 'NX', 'PX', ${LEASE})
end

-- Frees a name, if this user holds it.
local function giveBack(name, user)
  if redis.call('GET', key(name)) == user then redis.call('DEL', key(name)) end
end

local function claimAny(user)
  local name, count
  repeat
    count = redis.call('INCR', 'chat:count')
    name = 'guest' .. count
  until claim(name, user)
  return name, count
end

local function add(user, name, came)
  redis.call('HSET', 'chat:names', user, name)
  redis.call('ZADD', 'chat:users', came, user)
end

local function remove(number, user)
  local name = nameOf(user)
  redis.call('ZREM', 'chat:users', user)
  if not name then return end
  giveBack(name, user)
  redis.call('HDEL', 'chat:names', user)
  publish(number, 'left', user, name)
end

-- Calls present() for each user whose name is renewed, and gone() for each user whose machine has died.
local function each(present, gone)
  for _, user in ipairs(redis.call('ZRANGE', 'chat:users', 0, -1)) do
    local name = nameOf(user)
    if name and redis.call('GET', key(name)) == user then present(name) else gone(user) end
  end
end

-- Renews the name of a user. If the lease has ended, claims the name again, or, if another user has it, a new one. If the others
-- were told that the user left, tells them that the user has joined again.
local function renew(user, name, came, missed)
  local known = nameOf(user)
  name = known or name
  if redis.call('GET', key(name)) == user then
    redis.call('PEXPIRE', key(name), ${LEASE})
  elseif not claim(name, user) then
    if known then remove('-', user) end
    local before = name
    name = claimAny(user)
    publish('-', 'ousted', user, name, before, processOf(user))
    missed = 'missed'
  end
  add(user, name, came)
  if missed == 'missed' then publish('-', 'joined', user, name, came) end
  if tonumber(came) > tonumber(redis.call('GET', 'chat:count') or 0) then redis.call('SET', 'chat:count', came) end
end

local operations = {}

function operations.enter()
  local name, came = claimAny(user)
  add(user, name, came)
  publish(number, 'joined', user, name, came)
end

function operations.leave()
  remove(number, user)
end

function operations.rename(before)
  if before == more then return 'name taken: ' .. more end
  if key(before) ~= key(more) then
    if not claim(more, user) then return 'name taken: ' .. more end
    giveBack(before, user)
  end
  redis.call('HSET', 'chat:names', user, more)
  publish(number, 'renamed', user, more, before)
end

function operations.say(name)
  publish(number, 'said', user, name, more)
end

function operations.tell(name)
  local to = redis.call('GET', key(more))
  if not to then return 'no such user: ' .. more end
  publish(number, 'told', user, name, to .. ' ' .. ARGV[7])
end

function operations.list()
  local names = {}
  each(function(name) table.insert(names, name) end, function() end)
  publish(number, 'listed', user, '-', table.concat(names, ' '), processOf(user))
end

-- Renews the names of all users of a process, and removes the users of processes that no longer do that. Returns the time.
function operations.renew()
  for i = 7, #ARGV, 4 do renew(unpack(ARGV, i, i + 3)) end
  if more == 'remove' then
    each(function() end, function(user) remove('-', user) end)
  end
  return now
end

if now > tonumber(deadline) then return 'try again' end
local name = nameOf(user)
local byUser = what == 'rename' or what == 'say' or what == 'tell'
if byUser and not name then return 'try again' end
return operations[what](name)
`;
