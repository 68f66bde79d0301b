// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {EmbeddedCurve} from "./EmbeddedCurve.sol";
import {Governed} from "./Governance.sol";
import {UNAUDITED_X, UNAUDITED_Y} from "./ProtocolConstants.sol";
import {SeizureStops} from "./SeizureStops.sol";
import {ASSET_FLAGS_AT, ASSET_FLAGS_BITS, ASSET_TOKEN_AT} from "./generated/Layouts.sol";
import {IAssetRegistry} from "./interfaces/IAssetRegistry.sol";
import {IPoseidon} from "./interfaces/IPoseidon.sol";

/// @title Asset registry
/// @notice See `IAssetRegistry`. Assets are only appended, and the token of an asset never changes:
/// amounts credited in the vault under an id stay amounts of the same token.
contract AssetRegistry is IAssetRegistry, SeizureStops {
    uint256 private constant TAG_NODE = 1;
    uint256 private constant TAG_ASSET_LEAF = 7;
    /// @dev Flag of assets whose deposits name the owner of their note.
    uint8 private constant FLAG_NAMED_DEPOSITS = 1;
    uint256 private constant ARITY = 4;
    uint256 private constant DEPTH = 8;
    uint256 private constant CAPACITY = ARITY ** DEPTH;

    /// @dev Bits of the exponent in the compact form of an amount, which are the lowest.
    uint256 private constant EXPONENT_BITS = 8;

    /// @dev An asset as it is stored. The first four fields share a slot; minimum and fee of
    /// deposits are in the compact form (`setDepositTerms`).
    struct Entry {
        address token;
        uint8 flags;
        uint40 minimum;
        uint40 fee;
        uint256 auditorX;
        uint256 auditorY;
    }

    /// @inheritdoc IAssetRegistry
    IPoseidon public immutable poseidon;

    /// @inheritdoc IAssetRegistry
    uint256 public root;

    Entry[] private _assets;
    /// @dev Replaced keys of each asset's auditors, oldest first.
    mapping(uint256 asset => AuditorKey[]) private _pastAuditors;
    /// @dev Asset id + 1 for each token; 0 if the token is not registered.
    mapping(address token => uint256) private _idPlusOne;
    /// @dev Root of the empty subtree of each level.
    uint256[DEPTH + 1] private _empty;
    /// @dev Written nodes. An unwritten node is the empty root of its level.
    mapping(uint256 level => mapping(uint256 index => uint256)) private _nodes;

    /// @param poseidon_ the hash contract
    /// @param governance the owner; a timelock, except on development chains
    /// @param guardian the account that may stop seizures for a time
    constructor(IPoseidon poseidon_, address governance, address guardian)
        Governed(governance)
        SeizureStops(guardian)
    {
        poseidon = poseidon_;

        uint256[] memory children = new uint256[](ARITY);
        uint256 value = 0;
        for (uint256 level = 0; level < DEPTH; ++level) {
            for (uint256 i = 0; i < ARITY; ++i) {
                children[i] = value;
            }
            value = poseidon_.hash(TAG_NODE, children);
            _empty[level + 1] = value;
        }
        root = value;
    }

    /// @inheritdoc IAssetRegistry
    function register(address token, uint256 auditorX, uint256 auditorY, uint8 flags)
        external
        onlyGovernance
        returns (uint16 asset)
    {
        EmbeddedCurve.requireKey(auditorX, auditorY);
        return _register(token, auditorX, auditorY, flags);
    }

    /// @inheritdoc IAssetRegistry
    function registerUnaudited(address token, uint8 flags)
        external
        onlyGovernance
        returns (uint16 asset)
    {
        return _register(token, UNAUDITED_X, UNAUDITED_Y, flags);
    }

    /// @inheritdoc IAssetRegistry
    function rotateAuditor(uint16 asset, uint256 auditorX, uint256 auditorY)
        external
        onlyGovernance
    {
        EmbeddedCurve.requireKey(auditorX, auditorY);
        if (asset >= _assets.length) revert UnknownAsset(asset);
        Entry storage entry = _assets[asset];
        _pastAuditors[asset].push(AuditorKey(entry.auditorX, entry.auditorY));
        entry.auditorX = auditorX;
        entry.auditorY = auditorY;
        uint256 newRoot = _update(asset, entry.token, entry.flags, auditorX, auditorY);
        emit AuditorRotated(asset, auditorX, auditorY, newRoot);
    }

    /// @inheritdoc IAssetRegistry
    function setDepositTerms(uint16 asset, uint128 minimum, uint128 fee) external onlyGovernance {
        if (asset >= _assets.length) revert UnknownAsset(asset);
        // A deposit of the minimum leaves at least half of it.
        if (fee > minimum / 2) revert DepositFeeTooHigh(fee, minimum);
        Entry storage entry = _assets[asset];
        entry.minimum = _compact(minimum);
        entry.fee = _compact(fee);
        emit DepositTermsSet(asset, minimum, fee);
    }

    /// @inheritdoc IAssetRegistry
    function count() external view returns (uint256) {
        return _assets.length;
    }

    /// @inheritdoc IAssetRegistry
    function assetOf(uint256 asset) external view returns (Asset memory) {
        if (asset >= _assets.length) revert UnknownAsset(asset);
        Entry storage entry = _assets[asset];
        return Asset(entry.token, entry.flags, entry.auditorX, entry.auditorY);
    }

    /// @inheritdoc IAssetRegistry
    function pastAuditorCount(uint256 asset) external view returns (uint256) {
        if (asset >= _assets.length) revert UnknownAsset(asset);
        return _pastAuditors[asset].length;
    }

    /// @inheritdoc IAssetRegistry
    function pastAuditors(uint256 asset, uint256 offset, uint256 limit)
        external
        view
        returns (AuditorKey[] memory keys)
    {
        if (asset >= _assets.length) revert UnknownAsset(asset);
        AuditorKey[] storage past = _pastAuditors[asset];
        uint256 rest = offset < past.length ? past.length - offset : 0;
        keys = new AuditorKey[](limit < rest ? limit : rest);
        for (uint256 i = 0; i < keys.length; ++i) {
            keys[i] = past[offset + i];
        }
    }

    /// @inheritdoc IAssetRegistry
    function tokenOf(uint256 asset) external view returns (address) {
        if (asset >= _assets.length) revert UnknownAsset(asset);
        return _assets[asset].token;
    }

    /// @inheritdoc IAssetRegistry
    function depositTerms(uint256 asset)
        external
        view
        returns (address token, uint128 minimum, uint128 fee, bool named)
    {
        if (asset >= _assets.length) revert UnknownAsset(asset);
        Entry storage entry = _assets[asset];
        return (
            entry.token,
            _amount(entry.minimum),
            _amount(entry.fee),
            entry.flags & FLAG_NAMED_DEPOSITS != 0
        );
    }

    /// @inheritdoc IAssetRegistry
    function node(uint256 level, uint256 index) public view returns (uint256) {
        uint256 value = _nodes[level][index];
        return value == 0 ? _empty[level] : value;
    }

    /// @inheritdoc IAssetRegistry
    function unaudited() external pure returns (uint256 x, uint256 y) {
        return (UNAUDITED_X, UNAUDITED_Y);
    }

    function _register(address token, uint256 auditorX, uint256 auditorY, uint8 flags)
        private
        returns (uint16 asset)
    {
        if (flags >> ASSET_FLAGS_BITS != 0) revert FlagsOutOfRange(flags);
        uint256 known = _idPlusOne[token];
        if (known != 0) revert TokenAlreadyRegistered(token, uint16(known - 1));
        if (token != address(0) && token.code.length == 0) revert TokenNotAContract(token);
        if (_assets.length == CAPACITY) revert RegistryFull();
        asset = uint16(_assets.length);
        _assets.push(Entry(token, flags, 0, 0, auditorX, auditorY));
        _idPlusOne[token] = uint256(asset) + 1;
        uint256 newRoot = _update(asset, token, flags, auditorX, auditorY);
        emit AssetRegistered(asset, token, flags, auditorX, auditorY, newRoot);
    }

    /// @inheritdoc SeizureStops
    function _rewrite(uint256 asset) internal override returns (uint256 newRoot) {
        if (asset >= _assets.length) revert UnknownAsset(asset);
        Entry storage entry = _assets[asset];
        return _update(asset, entry.token, entry.flags, entry.auditorX, entry.auditorY);
    }

    /// @dev Returns the compact form of an amount, with the least exponent. Reverts with
    /// `AmountNotCompact` if there is none.
    function _compact(uint128 amount) private pure returns (uint40) {
        uint256 mantissa = amount;
        uint256 exponent = 0;
        while (mantissa > type(uint32).max) {
            if (mantissa % 10 != 0) revert AmountNotCompact(amount);
            mantissa /= 10;
            ++exponent;
        }
        return uint40((mantissa << EXPONENT_BITS) | exponent);
    }

    /// @dev Returns the amount with this compact form, in base units. `_compact` made the form from
    /// 128 bits, so that they suffice.
    function _amount(uint40 compact) private pure returns (uint128) {
        if (compact == 0) return 0;
        uint256 exponent = compact & (2 ** EXPONENT_BITS - 1);
        return uint128((uint256(compact) >> EXPONENT_BITS) * 10 ** exponent);
    }

    /// @dev Writes the asset's leaf and every node above it. Returns the new root.
    function _update(uint256 asset, address token, uint8 flags, uint256 auditorX, uint256 auditorY)
        private
        returns (uint256 value)
    {
        uint256[] memory leaf = new uint256[](3);
        leaf[0] = asset | (uint256(uint160(token)) << ASSET_TOKEN_AT)
            | (uint256(flags) << ASSET_FLAGS_AT) | _stopWord(asset);
        leaf[1] = auditorX;
        leaf[2] = auditorY;
        value = poseidon.hash(TAG_ASSET_LEAF, leaf);

        uint256[] memory children = new uint256[](ARITY);
        uint256 index = asset;
        for (uint256 level = 0; level < DEPTH; ++level) {
            _nodes[level][index] = value;
            uint256 first = index & ~(ARITY - 1);
            for (uint256 i = 0; i < ARITY; ++i) {
                children[i] = node(level, first + i);
            }
            value = poseidon.hash(TAG_NODE, children);
            index /= ARITY;
        }
        _nodes[DEPTH][0] = value;
        root = value;
    }
}
