"""The routes of Docker's plugin: the daemon serves them, not the engine."""

from glassbridge.frontends.api.bodies import FreedAnswer, PluginAnswer, PluginRequest
from glassbridge.frontends.api.engine_protocol import PluginSwitch
from glassbridge.frontends.api.routes import Cost, Route

PLUGIN_ROUTES: tuple[Route[PluginSwitch], ...] = (
    Route(
        "GET",
        "/v1/docker",
        "getDockerPlugin",
        "Whether Docker finds us.",
        lambda plugin, _ref, _: plugin.plugin(),
        PluginAnswer,
    ),
    Route(
        "POST",
        "/v1/docker/enable",
        "enableDockerPlugin",
        "Put the plugin's socket where Docker looks, now and at every start.",
        lambda plugin, _ref, _: plugin.enable_plugin(),
        PluginAnswer,
    ),
    Route(
        "POST",
        "/v1/docker/disable",
        "disableDockerPlugin",
        "Take the plugin's socket away.",
        lambda plugin, _ref, asked: plugin.disable_plugin(force=asked.force),
        PluginAnswer,
        body=PluginRequest,
        cost=Cost.LONG,
    ),
    Route(
        "POST",
        "/v1/docker/prune",
        "pruneDockerPlugin",
        "Give back what is held for networks that Docker does not know.",
        lambda plugin, _ref, _: plugin.free_orphans(),
        FreedAnswer,
        cost=Cost.LONG,
    ),
)
